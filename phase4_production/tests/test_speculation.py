"""Drafters alone, then in an engine: what is said is the target's, however it was guessed."""

import torch

from phase4_production.project.engine import Engine, EngineConfig, Request
from phase4_production.project.speculation import (
    Asked,
    ModelDrafter,
    NgramDrafter,
    Proposal,
    verify,
)
from phase4_production.solution import sampling
from phase4_production.solution.randomness import uniform
from phase4_production.solution.sampling_params import SamplingParams
from phase4_production.tests.toy_engine import ToyRunner, ToyTokenizer, V, logits_after
from shared import checks

GREEDY = SamplingParams(temperature=0, seed=1)
DRAWN = SamplingParams(seed=1)


def asked(prompt, answer=(), k=3, params=GREEDY, request="a", seed=1):
    return Asked(request, tuple(prompt), tuple(answer), params, seed, k)


def greedily(ids, k):
    ids = list(ids)
    for _ in range(k):
        ids.append(int(logits_after(ids).argmax()))
    return tuple(ids[-k:])


class Worse(ToyRunner):
    """A draft model: the toy with other numbers in it, often right and often not."""

    def run(self, batch):
        logits = super().run(batch)
        noise = torch.Generator().manual_seed(int(batch.ids.sum()))
        return logits + 2 * torch.rand(logits.shape, generator=noise)


# -- drafters -------------------------------------------------------------------------------------


def test_ngram_guesses():
    drafter = NgramDrafter()
    found = drafter.propose([asked([1, 2, 3, 4], [9, 1, 2]), asked([1, 2, 1], k=0), asked([5, 6])])
    checks.equal([one.tokens for one in found], [(3, 4, 9), (), ()], "guesses of three requests")
    drafter.release("never seen")


def test_a_model_guesses_what_it_would_say():
    drafter = ModelDrafter(ToyRunner(20, 4))
    wanted = [asked([1, 2, 3, 4, 5], k=3), asked([9, 8], k=0, request="b"), asked([7], request="c")]
    found = drafter.propose(wanted)
    checks.equal(found[0].tokens, greedily([1, 2, 3, 4, 5], 3), "guesses of the first request")
    checks.equal(found[1], Proposal(), "guesses of one that wants none")
    checks.equal(found[2].tokens, greedily([7], 3), "guesses of the third request")


def test_a_model_goes_on_from_what_it_has_read():
    """Whatever passed of its guesses: the toy's cache would hold another text."""
    runner = ToyRunner(20, 4)
    drafter = ModelDrafter(runner)
    prompt, answer = (3, 1, 4, 1, 5, 9), ()
    for step in range(8):
        n_before = len(runner.n_tokens)
        (found,) = drafter.propose([asked(prompt, answer, k=4)])
        checks.equal(found.tokens, greedily(prompt + answer, 4), f"guesses of step {step}")
        if step:
            checks.at_most(runner.n_tokens[n_before], 2, "tokens that it reads to begin with")
        answer += (*found.tokens[: step % 5], (11 + step) % V)


def test_no_room_no_guesses():
    drafter = ModelDrafter(ToyRunner(3, 4))
    first, second = asked([1] * 6, k=2), asked([2] * 6, k=2, request="b")
    checks.equal([len(p.tokens) for p in drafter.propose([first, second])], [2, 0], "guesses")
    drafter.release("a")
    checks.equal([len(p.tokens) for p in drafter.propose([second])], [2], "guesses once there is")
    drafter.release("b")
    checks.equal(sorted(drafter._free), [0, 1, 2], "blocks that are free in the end")
    short = ModelDrafter(ToyRunner(20, 4), max_length=7)
    checks.equal(short.propose([first])[0].tokens, (), "guesses beyond what the model can read")


def test_drawn_guesses_say_what_they_were_drawn_from():
    (found,) = ModelDrafter(ToyRunner(20, 4)).propose([asked([1, 2], k=3, params=DRAWN)])
    text = [1, 2]
    for token, probs in zip(found.tokens, found.probs, strict=True):
        checks.close(probs, logits_after(text).softmax(-1, dtype=torch.float64), "probabilities")
        text.append(token)
    checks.equal(ModelDrafter(ToyRunner(20, 4)).propose([asked([1, 2])])[0].probs, None, "greedy")


def test_without_guesses_it_is_plain_drawing():
    probs = torch.rand(1, 7, dtype=torch.float64)
    point = torch.tensor([uniform(5, 8)], dtype=torch.float64)
    expected = sampling.sample(probs, point).tolist()
    checks.equal(verify(probs, Proposal(), seed=5, index=8), expected, "tokens")


# -- in an engine ---------------------------------------------------------------------------------


def answer(drafter, params, prompt=(1, 2, 3), n_guesses=4):
    config = EngineConfig(40, 4, max_tokens=64, max_running=4, max_length=80, n_guesses=n_guesses)
    engine = Engine(ToyRunner(40, 4), ToyTokenizer(), config, drafter)
    engine.add(Request("a", prompt, params))
    tokens, steps = [], 0
    while engine.has_work:
        tokens += [token.id for output in engine.step() for token in output.tokens]
        steps += 1
    return tokens, steps


def test_greedy_answers_are_the_same_in_fewer_steps():
    params = SamplingParams(temperature=0, max_tokens=40, ignore_eos=True)
    plain, steps = answer(None, params, n_guesses=0)
    for drafter in (NgramDrafter(), ModelDrafter(Worse(40, 4)), ModelDrafter(ToyRunner(40, 4))):
        tokens, fewer = answer(drafter, params)
        checks.equal(tokens, plain, f"tokens with {type(drafter).__name__}")
        checks.at_most(fewer, steps - 1, "steps")
    # All guesses of the target itself pass: five tokens a step, and one step reads the prompt.
    checks.at_most(fewer, 10, "steps when the draft is the target")


def test_chi_square_of_a_whole_engine():
    """The third token of 300 seeds, guessed by a model that is often wrong.

    Five classes are four degrees of freedom: 18.5 is passed once in a thousand times. The first
    token is drawn as the prompt is read; the second and the third are guessed.
    """
    prompt, n = (1, 2, 3), 300
    wishes = {"temperature": 0.5, "max_tokens": 3, "ignore_eos": True}
    expected = torch.zeros(V, dtype=torch.float64)
    for a, p in enumerate(_probs(prompt)):
        for b, q in enumerate(_probs((*prompt, a))) if p > 1e-9 else ():
            if q > 1e-9:
                expected += p * q * _probs((*prompt, a, b))
    drafter, counts = ModelDrafter(Worse(40, 4)), torch.zeros(V, dtype=torch.float64)
    for seed in range(n):
        tokens, _ = answer(drafter, SamplingParams(seed=seed, **wishes), prompt, n_guesses=2)
        counts[tokens[2]] += 1
    order = expected.argsort(descending=True)
    observed, share = ([*t[order[:4]], t[order[4:]].sum()] for t in (counts, expected))
    chi = sum((o - n * s) ** 2 / (n * s) for o, s in zip(observed, share, strict=True))
    checks.at_most(chi, 18.5, "chi-square of the third token")


def _probs(ids):
    return (logits_after(ids).double() / 0.5).softmax(-1)
