"""The tour's stage and the page of a sweep, on settings that take seconds."""

from dataclasses import replace

import pytest
import torch

from phase2_scaling.project import look, own_law, sweep, tour
from phase2_scaling.solution import parametric

TINY = sweep.Config(
    budgets=(2e8, 4e8, 8e8),
    widths=(8, 16, 24),
    tokens_per_param=(0.1, 100),
    times_larger=1.5,
    processes=2,
)


def hurry(patch):
    """Random bytes follow no law: do not look for one from everywhere, nor a hundred times."""
    patch.setattr(own_law, "BOOTSTRAPPED", 2)
    patch.setattr(parametric, "EXPONENTS", (0.5,))
    patch.setattr(parametric, "TERMS", (0.1,))


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tour")
    generator = torch.Generator().manual_seed(0)
    text = folder / "text.txt"
    text.write_bytes(bytes(torch.randint(97, 105, (20_000,), generator=generator).tolist()))
    settings = tour.Settings(replace(TINY, data=str(text)), steps=20)
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        return folder, tour.stage(folder, settings)


@pytest.mark.slow
def test_the_stage_tells_what_was_measured(shown):
    folder, stage = shown
    assert stage.headline.startswith("predicted ")
    assert stage.numbers["steps lost"] == "0"
    assert stage.numbers["processes killed"] == "1"
    assert all(figure.path.is_file() and figure.caption for figure in stage.figures)
    result = sweep.read_result(folder / "phase2" / "sweep")
    assert len(stage.figures) == (7 if own_law.valleys(result.points) else 5)
    assert f"{result.prediction.loss:.3f} nats" == stage.numbers["predicted"]


@pytest.mark.slow
def test_a_look_at_the_sweep_draws_it_anew(shown):
    folder, _ = shown
    page = look.look(look.Config(), root=folder)
    text = page.read_text(encoding="utf-8")
    valleys = own_law.valleys(sweep.read_result(page.parent).points)
    assert text.count("data:image/png;base64") == (4 if valleys else 3)
    assert ("One budget, several sizes" in text) == bool(valleys)
    assert "Predicted before it was trained" in text


def test_a_missing_sweep_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"no sweep is in .*sweep first"):
        look.look(look.Config(run="none"), root=tmp_path)
