"""The table of methods: which models it takes, and a picture in which each method can be told."""

import itertools

import pytest

from phase4_production.project import table


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two models of phase 1, and one that a newer run has replaced."""
    monkeypatch.setattr(table, "RUNS", tmp_path)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for name in ("tiny", "tiny.previous", "large"):
        folder = tmp_path / "phase1" / name / "hf"
        folder.mkdir(parents=True)
        (folder / "config.json").touch()
    return tmp_path / "phase1"


def test_replaced_runs_are_left_out(runs):
    assert table.find(table.Config()) == [runs / "large" / "hf", runs / "tiny" / "hf"]


def test_a_model_that_is_named_is_taken(runs):
    replaced = runs / "tiny.previous" / "hf"
    assert table.find(table.Config(models=(replaced,))) == [replaced]


def test_no_model_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "RUNS", tmp_path)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    with pytest.raises(ValueError, match="--models"):
        table.find(table.Config())


def entries(*models):
    return [
        table.Entry(model, method, 100, 100 - at, 20.0, at / 100, 1.0)
        for model in models
        for at, method in enumerate(table.Config.methods)
    ]


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_each_model_has_a_panel(n, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(table, "_panel", lambda axes, mine: seen.append({e.model for e in mine}))
    names = [f"model {i}" for i in range(n)]
    table.draw(entries(*names), tmp_path / "table.png")
    assert seen == [{name} for name in names]


def test_no_two_methods_look_alike():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    table._panel(axes, entries("model"))
    looks = [
        (tuple(points.get_facecolor()[0]), points.get_paths()[0].vertices.tobytes())
        for points in axes.collections
        if points.get_label() in table.Config.methods
    ]
    assert len(looks) == len(table.Config.methods)
    assert all(one != other for one, other in itertools.combinations(looks, 2))
