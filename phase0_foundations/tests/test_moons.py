"""The two-moons program: its data, its learning, its resuming, its pictures."""

from functools import partial

import numpy as np
import pytest

from phase0_foundations.project import draw_graph, moons
from phase0_foundations.solution.value import Value
from shared import runs


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """Send the program's run folders to a temporary place and make its plots small."""
    monkeypatch.setattr(runs, "start", partial(runs.start, root=tmp_path))
    monkeypatch.setattr(runs, "resume", partial(runs.resume, root=tmp_path))
    monkeypatch.setattr(moons, "GRID", 5)
    monkeypatch.setattr(moons, "CHECKPOINT_EVERY", 2)
    return tmp_path / "phase0"


def test_moons_without_noise_lie_on_their_circles():
    points, labels = moons.two_moons(101, 0.0, np.random.default_rng(0))
    centres = np.where(labels[:, None] > 0, [0.0, 0.0], [1.0, 0.5])
    np.testing.assert_allclose(np.linalg.norm(points - centres, axis=1), 1.0)
    assert (labels > 0).sum() == 51
    assert set(labels) == {-1.0, 1.0}


def test_it_learns_the_moons(run_folder):
    moons.main(moons.Config(steps=50))
    metrics = runs.read_metrics(run_folder / "moons")
    assert metrics[0]["accuracy"] < 0.9  # one straight line does not do
    assert metrics[-1]["accuracy"] >= 0.98
    assert {"loss.png", "boundary.png"} <= {file.name for file in (run_folder / "moons").iterdir()}


def test_a_crashed_run_resumes_to_the_same_losses(run_folder, monkeypatch):
    config = {"n_points": 10, "n_hidden": 3, "steps": 7}
    moons.main(moons.Config(**config, name="whole"))
    steps = iter(range(5))

    def crash(*arguments, step=moons.step):
        if next(steps) == 4:
            raise MemoryError
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(moons, "step", crash)
        with pytest.raises(MemoryError):
            moons.main(moons.Config(**config, name="crashed"))
    moons.main(moons.Config(**config, name="crashed", resume=True))
    assert runs.read_metrics(run_folder / "crashed") == runs.read_metrics(run_folder / "whole")


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="steps at least 1"):
        moons.Config(steps=0)


def test_graph_is_written_for_graphviz():
    a = Value(2.0)
    text = draw_graph.to_dot(a * a, {a: 'the "input"'})
    assert text.count("->") == 2  # one arrow for each use of a
    assert r'label="the \"input\"\ndata 2\ngrad 0"' in text


def test_nodes_stand_right_of_their_children():
    root, _ = draw_graph.neuron()
    places = draw_graph.layout(root)
    assert len(set(places.values())) == len(places)
    for node, (x, _) in places.items():
        assert all(places[child][0] < x for child in node.children)


def test_graph_is_drawn_without_graphviz(tmp_path):
    root, names = draw_graph.neuron()
    draw_graph.draw(root, tmp_path / "graph.png", names, graphviz=False)
    assert (tmp_path / "graph.png").stat().st_size > 1000
