"""How every test run behaves, a graded one too: a small pytest plugin.

A folder's `conftest.py` imports its two hooks; a phase has one of its own, so that it also tests
itself when copied alone with `shared/`.
"""

import signal

import pytest
from hypothesis import Phase, settings

MARKERS = (
    "exercise(id): the test grades this exercise of course.toml",
    "slow: takes more than a second; graded runs leave it out",
    "gpu: needs a CUDA GPU; skipped with a reason where there is none",
)


def pytest_configure(config: pytest.Config) -> None:
    """Know the markers; have hypothesis draw the same examples each time, however slow the machine.

    A wrong answer is recognised by its values, so two runs must see the same ones. And Ctrl-C is
    heard, since some tests press it.
    """
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile(
        "course",
        derandomize=True,
        deadline=None,
        max_examples=50,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],  # to explain takes seconds
    )
    settings.load_profile("course")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip GPU tests, and say why, where there is no GPU."""
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    import torch  # a second of import, paid only where a GPU test was collected

    if not torch.cuda.is_available():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason="no CUDA GPU on this machine"))
