"""Several runs and their table, on a tiny model and a judge that can be counted by hand."""

import json
from dataclasses import replace

import pytest

from phase3_alignment.project import align, sentiment
from phase3_alignment.project.align import Row
from phase3_alignment.project.sentiment import Config, Result
from phase3_alignment.tests.test_align import TEXTS, Counting
from phase3_alignment.tests.tiny_pretrained import make_folder
from shared.texts import Text

ROWS = (
    Row("base", 0.4, 0.6, 0.0, 0.5),
    Row("best of 16", 3.0, 0.95, 1.84, None),
    Row("ppo", 2.0, 0.88, 1.5, 0.45),
)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(align.Judge, "load", lambda folder: Counting())
    text = Text("<|endoftext|>".join(TEXTS), "made up")
    monkeypatch.setattr(align.data, "load", lambda name: text)
    plain = Config.run

    def small(self, method, seed, judge):
        changes = {"prompt_tokens": 4, "max_new_tokens": 4, "batch_size": 8, "best_of": 2, "r": 2}
        return replace(plain(self, method, seed, judge), **changes)

    monkeypatch.setattr(Config, "run", small)
    return Config(
        model=str(make_folder(tmp_path / "base")), reward=tmp_path / "reward", seeds=(0, 1),
        n_steps=1, n_test=4, device="cpu",
    )  # fmt: skip


def test_every_method_is_run_with_every_seed_and_kept(config, tmp_path, monkeypatch):
    results = sentiment.steer(config, tmp_path)
    runs = [(result.method, result.seed) for result in results]
    assert runs == [("ppo", 0), ("ppo", 1), ("dpo", 0), ("dpo", 1)]
    folder = tmp_path / "phase3" / "sentiment"
    assert len(json.loads((folder / "results.json").read_text())) == 4
    assert (folder / "sentiment.png").stat().st_size > 0
    done = []

    def note(config, root):
        done.append(config.name)
        return list(results[0].rows)

    monkeypatch.setattr(align, "align", note)
    assert sentiment.steer(replace(config, resume=True), tmp_path) == results
    assert not done, "finished runs are kept"
    sentiment.steer(replace(config, resume=True, n_steps=2, seeds=(0,)), tmp_path)
    assert done == ["sentiment-ppo-0", "sentiment-dpo-0"], "other settings are another run"


def test_the_table_shows_the_base_once_and_every_run():
    results = [Result("ppo", 0, ROWS), Result("ppo", 1, ROWS), Result("dpo", 0, ROWS)]
    lines = sentiment.table(results).splitlines()
    names = [line[:14].strip() for line in lines[1:]]
    assert names == ["base", "best of 16", "ppo, seed 0", "ppo, seed 1", "dpo, seed 0"]
    assert lines[3].split()[-4:] == ["0.880", "1.50", "0.45", "90%"]
    assert lines[2].split()[-2:] == ["-", "-"]


def test_a_judge_is_trained_once(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(sentiment.reward, "main", trained.append)
    expected = tmp_path / "phase3" / "sst2" / "reward"
    assert sentiment.find_judge(Config(), tmp_path) == expected
    assert [one.name for one in trained] == ["sst2"]
    expected.parent.mkdir(parents=True)
    (expected.parent / "results.json").write_text("{}")
    sentiment.find_judge(Config(), tmp_path)
    assert len(trained) == 1
    assert sentiment.find_judge(Config(reward=tmp_path), tmp_path) == tmp_path
