"""What the report of guesses says, on models whose guesses are known."""

import re

import pytest

from phase4_production.project import guesses, loading
from phase4_production.project.speculation import Proposal
from phase4_production.solution.sampling_params import SamplingParams
from phase4_production.tests import tiny_models

TEXT = "Once upon a time there was a small engine, and it could guess. " * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("model")
    tiny_models.llama().save_pretrained(made)
    tiny_models.tokenizer().save_pretrained(made)
    return made


@pytest.fixture
def text(monkeypatch):
    """A text without a download."""

    class Text:
        text, validation, source = TEXT, TEXT, "a test"

    monkeypatch.setattr(guesses.corpora.data, "load", lambda name: Text)


@pytest.fixture(autouse=True)
def once(monkeypatch):
    """One turn: nothing here looks at the clock."""
    monkeypatch.setattr(guesses, "TURNS", 1)


def lines(printed):
    """The report's numbers by who guessed and k."""
    found = {}
    for line in printed.splitlines()[2:]:
        temperature, way, k, accepted, _, guessed, *rest = re.split(r"\s+", line.strip())
        found[float(temperature), way, int(k)] = int(accepted), int(guessed), float(rest[-3])
    return found


@pytest.mark.usefixtures("text")
def test_a_model_guesses_itself(folder, capsys):
    config = guesses.Config(folder, folder, k=(3,), temperature=(0.0, 1.0), prompts=1)
    guesses.main(config)
    found = lines(capsys.readouterr().out)
    assert set(found) == {
        (t, way, k) for t in (0.0, 1.0) for way, k in (("nobody", 0), ("lookup", 3), ("draft", 3))
    }
    for temperature in config.temperature:
        assert found[temperature, "nobody", 0] == (0, 0, 1.0)
        accepted, guessed, a_step = found[temperature, "draft", 3]
        assert accepted == guessed > 0
        assert a_step > 3.5  # four but for the end of an answer
        accepted, guessed, a_step = found[temperature, "lookup", 3]
        assert accepted < guessed
        assert a_step < 4


class Wrong:
    """Always guesses the same token."""

    def propose(self, asked):
        return [Proposal((7,) * one.k) for one in asked]

    def release(self, request):
        pass


def test_wrong_guesses_cost_steps_and_nothing_else(folder):
    decoder, tokenizer = loading.load(folder)
    ways = {
        ("nobody", 0): guesses.Way(decoder, tokenizer, None, 0),
        ("wrong", 2): guesses.Way(decoder, tokenizer, Wrong, 2),
    }
    params = SamplingParams(temperature=0, max_tokens=12, ignore_eos=True)
    alone, wrong = guesses.measure(ways, [[1, 2, 3], [4]], params)
    assert alone.tokens == wrong.tokens == 24
    assert (alone.steps, alone.guessed) == (24, 0)
    assert wrong.guessed > wrong.accepted
    assert wrong.steps == 24 - wrong.accepted


def test_an_answer_that_changed_is_no_speed_up(folder, monkeypatch):
    decoder, tokenizer = loading.load(folder)
    ways = {(name, 0): guesses.Way(decoder, tokenizer, None, 0) for name in ("nobody", "other")}
    other = ways["other", 0]
    answer = type(other).__call__

    def worse(self, prompts, params):
        answer(self, prompts, params)
        if self is other:
            self.answers[0][0] += 1

    monkeypatch.setattr(guesses.Way, "__call__", worse)
    params = SamplingParams(temperature=0, max_tokens=4, ignore_eos=True)
    with pytest.raises(RuntimeError, match="an answer changed with 0 guesses by other"):
        guesses.measure(ways, [[1, 2, 3]], params)


def test_a_draft_must_know_the_same_tokens(folder, tmp_path):
    tiny_models.llama(vocab_size=300).save_pretrained(tmp_path)
    tiny_models.tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="knows other tokens than the model"):
        loading.load_draft(tmp_path, loading.load(folder)[0])


@pytest.mark.parametrize("bad", [{"k": (0,)}, {"prompts": 0}, {"new_tokens": 0}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="must be at least 1"):
        guesses.Config(**bad)
