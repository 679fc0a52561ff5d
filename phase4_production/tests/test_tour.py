"""The tour's stage on a model and settings that take seconds, and the questions by both clients."""

import pytest

from phase4_production.project import interview, tour
from phase4_production.tests import served

TINY = tour.Settings(n_tokens=120, windows=2, new_tokens=4, width=64, length=64, turns=1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("tour")
    served.write_model(root / "phase1_transformers" / "phase1" / "tiny" / "hf")
    return root


@pytest.fixture(scope="module")
def shown(tiny):
    folder = tiny / "phase4_production"
    folder.mkdir()
    return folder, tour.stage(folder, TINY)


def test_the_stage_tells_what_was_measured(shown):
    folder, stage = shown
    assert " MiB by gptq, perplexity " in stage.headline
    assert stage.headline.endswith(" ms at most")
    lines = stage.figures[0].text.splitlines()
    assert [line.split()[0] for line in lines] == ["method", *TINY.methods]
    assert "trained by this tour's phase 1" in stage.paragraphs[0]
    for figure in stage.figures:
        assert figure.title
        assert figure.caption
    for question in tour.QUESTIONS:
        assert f"> {question}\n" in stage.figures[-1].text
    assert stage.next_step == f"make serve MODEL={folder / 'phase4' / 'tiny-gptq'}"


def test_what_it_leaves_can_be_served(shown):
    folder, _ = shown
    with tour.serving(folder / "phase4" / "tiny-gptq") as url:
        (answer,) = interview.ask(url, ["Why?"], max_tokens=5, temperature=0)
    assert answer.n_tokens == 5


def test_both_clients_hear_the_same(tiny, monkeypatch):
    pytest.importorskip("openai")
    asked = {"questions": ["How?", "When?"], "max_tokens": 6, "temperature": 1.0, "seed": 3}
    found = {}
    with served.server(tiny / "phase1_transformers" / "phase1" / "tiny" / "hf") as (url, _):
        for name in ("openai", "httpx2"):
            monkeypatch.setattr(interview, "client_name", lambda name=name: name)
            found[name] = [(a.text, a.n_tokens) for a in interview.ask(url, **asked)]
    assert found["openai"] == found["httpx2"]


def test_a_model_that_cannot_chat_continues(tmp_path):
    folder = served.write_model(tmp_path / "plain", template=None)
    with served.server(folder) as (url, _):
        (answer,) = interview.ask(url, ["Once"], max_tokens=3, temperature=0)
    assert answer.n_tokens == 3


def test_the_newest_step_of_the_tour_comes_first(tiny, tmp_path):
    folder = tiny / "phase4_production"
    found, told = tour.find_model(folder)
    assert (found.parent.name, told) == ("tiny", "trained by this tour's phase 1")
    aligned = tmp_path / "phase3_alignment" / "phase3" / "ppo" / "hf"
    served.write_model(aligned)
    found, told = tour.find_model(tmp_path / "phase4_production")
    assert (found, told) == (aligned, "aligned by this tour's phase 3")


def test_without_any_model_it_says_that_it_is_random(tmp_path):
    folder = tmp_path / "tour" / "phase4_production"
    folder.mkdir(parents=True)
    for _ in range(2):
        found, told = tour.find_model(folder, runs=tmp_path / "runs")
        assert (found / "model.safetensors").is_file()
        assert "random numbers" in told
