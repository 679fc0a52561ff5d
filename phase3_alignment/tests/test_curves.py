"""Any run's numbers as small pictures."""

import numpy as np
import pytest

from phase3_alignment.project import curves
from shared import checks
from shared.runs import RunError

PPO = [
    {
        "step": step,
        "reward": 0.1 * step,
        "kl": 0.2 * step,
        "entropy": 2.0,
        "clip_fraction": 0.1,
        "explained_variance": 0.5,
        "value_loss": 1 / (step + 1),
        "response_length": 20.0,
        "grad_norm": float("nan") if step == 3 else 1.0,
        "says": "words",
    }
    for step in range(1, 101)
]
SFT = [
    {"step": 0, "val_loss": 4.0},
    {"step": 1, "loss": 3.9, "lr": 0.1},
    {"step": 2, "loss": 3.0, "lr": 0.2},
    {"step": 2, "val_loss": 3.1, "odd_number": 7},
    {"seconds": 3.0},
]


def drawn(monkeypatch, tmp_path, metrics, title=""):
    """Draw, and return the figure in place of its picture."""
    kept = []

    def keep(path, size, fill):
        from matplotlib.figure import Figure

        figure = Figure(figsize=size)
        fill(figure)
        kept.append(figure)
        return path

    monkeypatch.setattr(curves, "write_figure", keep)
    curves.draw(metrics, tmp_path / "curves.png", title)
    return kept[0]


def test_numbers_are_sorted_by_name_and_what_is_none_is_left_out():
    series = curves.collect(PPO + SFT)
    assert "says" not in series
    assert "seconds" not in series  # it belongs to no step
    checks.close(series["val_loss"].steps, np.array([0.0, 2.0]), "steps of the looks")
    checks.close(series["val_loss"].values, np.array([4.0, 3.1]), "losses of the looks")
    assert 3 not in series["grad_norm"].steps
    checks.equal(len(series["grad_norm"].steps), 99, "finite gradient norms")


def test_every_number_of_ppo_has_its_picture(monkeypatch, tmp_path):
    figure = drawn(monkeypatch, tmp_path, PPO)
    titles = [axes.get_title() for axes in figure.axes]
    expected = [
        "reward (score)",
        "KL to the reference (nats per response)",
        "entropy (nats per token)",
        "clip fraction (share of tokens)",
        "value loss (reward squared)",
        "explained variance (of the returns, 1 is all)",
        "response length (tokens)",
        "gradient norm (before clipping)",
    ]
    checks.equal(titles, expected, "titles in order")


def test_training_and_held_out_share_a_picture_and_the_unknown_has_one(monkeypatch, tmp_path):
    figure = drawn(monkeypatch, tmp_path, SFT, "a run")
    titles = [axes.get_title() for axes in figure.axes]
    checks.equal(titles, ["loss (nats per token)", "learning rate (AdamW)", "odd number"], "titles")
    seen, held_out = figure.axes[0].get_lines()
    checks.close(seen.get_ydata(), np.array([3.9, 3.0]), "the training loss")
    checks.close(held_out.get_xdata(), np.array([0.0, 2.0]), "steps of the held-out loss")


@pytest.mark.parametrize("n", [1, 49, 100, 1001])
def test_a_running_mean_leaves_a_line_where_it_is(n):
    steps = np.arange(n, dtype=np.float64)
    series = curves.smooth(curves.Series(steps, 3 * steps + 1))
    width = max(1, round(curves.SMOOTHED_SHARE * n))
    checks.equal(len(series.steps), n - width + 1, "whole windows")
    # A window of even width has its middle half a step behind the point where it is drawn.
    offset = 0.0 if width % 2 else 1.5
    checks.close(series.values, 3 * series.steps + 1 + offset, "the mean of a line")


def test_a_run_is_drawn_from_its_folder(tmp_path):
    import json

    lines = "".join(json.dumps(record) + "\n" for record in PPO)
    (tmp_path / "metrics.jsonl").write_text(lines)
    path = curves.draw_run(tmp_path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_run_that_is_not_there_is_named(tmp_path):
    checks.raises(lambda: curves.draw_run(tmp_path / "none"), RunError, "no run", "none")
    checks.raises(lambda: curves.draw([], tmp_path / "x.png"), ValueError, "empty", "no metrics")
