"""PPO, GRPO and DPO on a tiny model and a judge that can be counted by hand."""

import json
from dataclasses import replace

import pytest
import torch

from phase3_alignment.project import align, outcome, policy, situations
from phase3_alignment.project import reinforcement as rl
from phase3_alignment.project.align import Config
from phase3_alignment.solution import logprobs
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.chat import Message
from phase3_alignment.tests.tiny_pretrained import make_folder
from shared import checks
from shared.runs import read_metrics
from shared.texts import Text

TEXTS = [f"{word} {i} times over" for i in range(6) for word in ("one", "two", "six")]


class Counting:
    """A judge who likes bytes below 128: half of what a random model says."""

    positive = "plain"

    def texts(self, texts):
        return torch.tensor([sum(ord(c) < 128 for c in text) - 12.0 for text in texts])

    def answers(self, prompts, answers):
        return self.texts(answers)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A random model whose output layer is large enough that a frozen one can say something."""
    from transformers import LlamaForCausalLM

    folder = make_folder(tmp_path_factory.mktemp("base"))
    model = LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def config(base, tmp_path, monkeypatch):
    monkeypatch.setattr(align.Judge, "load", lambda folder: Counting())
    text = Text("<|endoftext|>".join(TEXTS), "made up")
    monkeypatch.setattr(align.data, "load", lambda name: text)
    return Config(
        reward=tmp_path / "reward", model=str(base), prompt_tokens=4, max_new_tokens=6, n_steps=4,
        batch_size=16, group_size=4, n_test=6, look_every=2, best_of=3, r=2, device="cpu",
    )  # fmt: skip


@pytest.mark.parametrize("method", ["ppo", "grpo", "dpo"])
def test_a_killed_run_goes_on_bit_by_bit(config, method, tmp_path, monkeypatch, capsys):
    whole = align.align(replace(config, method=method, name="whole"), tmp_path)
    cut = replace(config, method=method, name="cut")
    step, taken = rl.Reinforcement.look, []

    def die_at_the_second_look(self):
        taken.append(1)
        if len(taken) == 3:
            raise RuntimeError("killed")
        return step(self)

    monkeypatch.setattr(rl.Reinforcement, "look", die_at_the_second_look)
    with pytest.raises(RuntimeError, match="killed"):
        align.align(cut, tmp_path)
    monkeypatch.setattr(rl.Reinforcement, "look", step)
    again = align.align(replace(cut, resume=True), tmp_path)
    assert again == whole
    metrics = [read_metrics(tmp_path / "phase3" / name) for name in ("whole", "cut")]
    assert metrics[0] == metrics[1]
    folder = tmp_path / "phase3" / "whole"
    assert {row["name"] for row in json.loads((folder / "results.json").read_text())} == {
        "base", "best of 3", method,
    }  # fmt: skip
    pictures = ("curves.png", "frontier.png")
    for name in ("adapter/adapter_config.json", "hf/model.safetensors", *pictures):
        assert (folder / name).stat().st_size > 0, name
    assert "best of 3" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["ppo", "grpo", "dpo"])
def test_the_judge_likes_it_better_afterwards(config, method, tmp_path):
    longer = replace(
        config, method=method, n_steps=25, batch_size=64, lr=2e-2, look_every=25, r=8, beta=0.02,
        kl_coef=0.01, target_kl=20.0, n_test=12,
    )  # fmt: skip
    before, _, after = align.align(longer, tmp_path)
    assert before.kl == pytest.approx(0, abs=1e-5)
    checks.at_least(after.score - before.score, 1.0, f"gain of {method}")
    checks.at_least(after.kl, 0.1, "nats that it took")


def test_scores_stay_with_their_prompts(base):
    subject = policy.load(str(base), AdapterConfig(targets=(), r=2), device="cpu")
    asked = [[Message("user", "a" * n)] for n in (3, 40, 5)]

    class Lengths:
        positive = None

        def answers(self, prompts, answers):
            return torch.tensor([float(len(prompt[0].content)) for prompt in prompts])

    place = situations.questions(asked, subject.tokenizer, 40, Lengths())
    checks.equal(len(place.prompts), 2, "questions that fit")
    checks.equal(place.score([1, 0, 1], ["", "", ""]), torch.tensor([5.0, 3.0, 5.0]), "scores")
    _, mask = place.batch([0, 1])
    checks.equal(mask[:, -1], torch.tensor([True, True]), "prompts end together")
    assert place.prompt(1) == "aaaaa"
    texts = situations.questions(asked, subject.tokenizer, 40, Counting())
    answers = ["ab", "\xe9" * 9]
    checks.equal(texts.score([1, 0], answers), Counting().texts(answers), "answers alone")


def test_a_judge_of_texts_may_read_answers(config, tmp_path):
    rows = align.align(replace(config, data="documentation", prompt_tokens=40), tmp_path)
    assert {row.name for row in rows} == {"base", "best of 3", "ppo"}


def test_the_reference_is_asked_at_the_policy_s_temperature(base):
    subject = policy.load(str(base), AdapterConfig(targets=(), r=2), device="cpu")
    ids = torch.randint(0, 257, (3, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids, dtype=torch.bool)
    found = outcome.rollout.sample(
        subject.model, ids, mask, 5, None, temperature=0.7,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    # A new adapter changes nothing, so policy and reference agree at any temperature.
    asked = outcome.reference_logprobs(subject, found, 0.7)
    checks.close(asked, found.logprobs, "reference and policy", rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        plain = logprobs.under(subject.model, found.ids, found.mask, found.actions)
    assert not torch.allclose(asked, plain, atol=1e-3)


def test_pairs_of_words():
    assert outcome.distinct_pairs(["a b a b", "a b"]) == pytest.approx(2 / 4)
    assert outcome.distinct_pairs(["", "a"]) == 0


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"method": "grpo", "group_size": 3}, "3 for each prompt"),
        ({"n_steps": 0}, "positive"),
    ],
)
def test_bad_settings_are_refused(flags, says, tmp_path):
    checks.raises(lambda: Config(reward=tmp_path, **flags), ValueError, f"{flags}", says)


def test_what_does_not_fit_is_told(config, tmp_path):
    long = replace(config, max_new_tokens=500)
    checks.raises(lambda: align.align(long, tmp_path), ValueError, "too long", "128")
    many = replace(config, n_test=len(TEXTS))
    checks.raises(lambda: align.align(many, tmp_path), ValueError, "no prompt left", "none is left")
