"""Every test run: hypothesis draws the same examples each time; GPU tests need a GPU."""

import pytest
from hypothesis import settings

settings.register_profile(
    "course", derandomize=True, deadline=None, max_examples=50, database=None, print_blob=False
)
settings.load_profile("course")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if not on_gpu:
        return
    import torch  # a second of import, paid only where a GPU test was collected

    if not torch.cuda.is_available():
        for item in on_gpu:
            item.add_marker(pytest.mark.skip(reason="no CUDA GPU on this machine"))
