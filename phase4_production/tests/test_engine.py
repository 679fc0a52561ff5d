"""The engine: whatever comes, goes or runs short, each request is answered as if it were alone."""

import itertools

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from phase4_production.project.engine import Engine, EngineConfig, Full, Request, TooLong
from phase4_production.project.speculation import ModelDrafter, NgramDrafter, Proposal
from phase4_production.solution import sampling
from phase4_production.solution.randomness import uniform
from phase4_production.solution.sampling_params import SamplingParams
from phase4_production.tests.toy_engine import END, POISON, ToyRunner, ToyTokenizer, V, logits_after

BLOCK = 4


def make(n_blocks=40, drafter=None, **sizes):
    sizes = {"max_tokens": 24, "max_running": 5, "max_waiting": 50, "max_length": 64} | sizes
    config = EngineConfig(n_blocks, BLOCK, seed=0, **sizes)
    return Engine(ToyRunner(n_blocks, BLOCK), ToyTokenizer(), config, drafter)


def asked(id, prompt, **wishes):
    return Request(id, tuple(prompt), SamplingParams(**{"temperature": 0, "seed": 1} | wishes))


def finish(engine, outputs=None):
    """Run to the end; return for each request its tokens, its text, and its last output."""
    found = {} if outputs is None else outputs
    for _ in range(2000):
        if not engine.has_work:
            return found
        for output in engine.step():
            tokens, text, _ = found.get(output.request, ([], "", None))
            found[output.request] = (tokens + list(output.tokens), text + output.text, output)
    raise AssertionError("the engine does not come to an end")


def alone(request, max_length=64):
    """The definition: token after token, by the model without an engine. Returns ids and finish."""
    ids, params = list(request.prompt), request.params
    limit = min(params.max_tokens, max_length - len(ids))
    for index in range(limit):
        logits = logits_after(ids)
        if logits.isnan().any():
            return ids[len(request.prompt) :], "error"
        if params.temperature == 0:
            token = int(logits.argmax())
        else:
            probs = (logits.double() / params.temperature).softmax(-1)
            point = torch.tensor([uniform(params.seed, index)], dtype=torch.float64)
            token = int(sampling.sample(probs[None], point))
        ids.append(token)
        if token == END and not params.ignore_eos:
            return ids[len(request.prompt) :], "stop"
    return ids[len(request.prompt) :], "length"


def check(found, request):
    tokens, _, last = found[request.id]
    assert ([token.id for token in tokens], last.finish) == alone(request), request


def check_pool(engine):
    """Every block is empty, cached or held, and held as often as there are holders."""
    pool, scheduler = engine._pool, engine._scheduler
    held = [block for sequence in scheduler.running for block in sequence.blocks]
    assert [held.count(block) for block in range(len(pool.counts))] == pool.counts
    unheld = sorted([*pool.empty, *pool.cached])
    assert unheld == [block for block, count in enumerate(pool.counts) if not count]
    assert pool.blocks == {name: block for block, name in pool.names.items()}
    assert set(pool.cached) <= set(pool.names)
    assert not set(pool.empty) & set(pool.names)
    for sequence in scheduler.running:
        writable = sequence.blocks[sequence.n_cached // BLOCK :]
        assert all(pool.counts[block] == 1 for block in writable), "others read where one writes"
    assert all(not sequence.blocks for sequence in scheduler.waiting)
    assert len(scheduler.running) <= engine.config.max_running


@settings(max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck))
class AnyTraffic(RuleBasedStateMachine):
    """Random arrivals, cancellations and steps over a cache that is too small for all."""

    def __init__(self):
        super().__init__()
        self.engine = make(n_blocks=17, drafter=NgramDrafter(), n_guesses=3)
        self.requests, self.found, self.ids = {}, {}, itertools.count()

    @rule(
        common=st.integers(0, 14),
        own=st.lists(st.integers(1, V - 2), min_size=1, max_size=14),
        n=st.integers(1, 30),
        temperature=st.sampled_from([0, 1.0]),
        poisoned=st.integers(0, 9),
    )
    def add(self, common, own, n, temperature, poisoned):
        prompt = [7, 3, 5, 7, 3, 5, 7, 3, 5, 1, 2, 4, 7, 3][:common] + own
        prompt += [POISON] if poisoned == 9 else []
        wishes = {"temperature": temperature, "max_tokens": n, "ignore_eos": n % 2 == 0}
        request = asked(str(next(self.ids)), prompt, seed=n, **wishes)
        self.engine.add(request)
        self.requests[request.id] = request

    @precondition(lambda self: self.engine.has_work)
    @rule(n=st.integers(1, 4))
    def step(self, n):
        for _ in range(n):
            for output in self.engine.step():
                tokens, text, _ = self.found.get(output.request, ([], "", None))
                self.found[output.request] = (tokens + list(output.tokens), text, output)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data):
        id = data.draw(st.sampled_from(sorted(self.requests)))
        finished = id in self.found and self.found[id][2].finish is not None
        assert self.engine.cancel(id) is not finished
        if not finished:
            del self.requests[id]

    @invariant()
    def pool_is_consistent(self):
        check_pool(self.engine)

    def teardown(self):
        finish(self.engine, self.found)
        for request in self.requests.values():
            check(self.found, request)
        assert self.engine.stats().blocks_used == 0


TestAnyTraffic = AnyTraffic.TestCase


def test_one_request():
    engine, request = make(), asked("a", [3, 4, 5], max_tokens=9, ignore_eos=True)
    engine.add(request)
    found = finish(engine)
    check(found, request)
    tokens, text, last = found["a"]
    assert text == "".join(token.text for token in tokens)
    assert last.finish == "length"


def test_a_poisoned_request_fails_alone_and_leaves_nothing():
    engine = make(max_tokens=8)
    good = [asked(f"good {i}", [1, 2, 3, 4, 5 + i], max_tokens=12) for i in range(3)]
    bad = asked("bad", [1, 2, 3, 4, 9, 9, 9, 9, POISON, *[6] * 15], max_tokens=12)
    for request in [*good, bad]:
        engine.add(request)
    found = finish(engine)
    for request in good:
        check(found, request)
    assert found["bad"][2].finish == "error"
    assert "finite" in found["bad"][2].error
    assert all(POISON not in engine._runner.cache[b * BLOCK : (b + 1) * BLOCK, 0].tolist()
               for b in engine._pool.names)  # fmt: skip
    assert engine.stats().blocks_used == 0


class Failing:
    """A grammar with a fault in it."""

    def masks(self, guesses):
        raise RuntimeError("out of order")

    def advance(self, token):
        raise RuntimeError("out of order")


class OnlyEven:
    """A grammar of even tokens."""

    def __init__(self):
        self.said = []

    def masks(self, guesses):
        even = torch.arange(V) % 2 == 0
        return even.expand(len(guesses) + 1, V)

    def advance(self, token):
        self.said.append(token)


def test_a_constraint_binds_one_request_and_a_faulty_one_fails_alone():
    engine, plain = make(), asked("plain", [1, 2, 3], max_tokens=9)
    grammar = OnlyEven()
    params = SamplingParams(temperature=1, seed=3, max_tokens=9, ignore_eos=True)
    for request in (
        plain,
        Request("even", (1, 2), params, grammar),
        Request("failing", (1, 2), params, Failing()),
    ):
        engine.add(request)
    found = finish(engine)
    check(found, plain)
    even = [token.id for token in found["even"][0]]
    assert len(even) == 9
    assert all(token % 2 == 0 for token in even)
    assert grammar.said == even[:-1]
    assert (found["failing"][2].finish, found["failing"][2].error) == ("error", "out of order")


def test_cancelling_frees_blocks_at_once():
    engine = make(n_blocks=12, max_running=1)
    engine.add(asked("runs", range(1, 20), max_tokens=20))
    engine.add(asked("waits", range(1, 22), max_tokens=20))
    engine.step()
    assert engine.stats().blocks_used == 5
    assert engine.cancel("runs")
    assert engine.stats().blocks_used == 0
    assert engine.cancel("waits")
    assert not engine.has_work
    assert not engine.cancel("waits")


def test_a_shared_prefix_is_read_once():
    engine = make()
    prompts = [[*range(1, 18), 18 + i] for i in range(4)]
    engine.add(asked("first", prompts[0], max_tokens=2))
    check(finish(engine), asked("first", prompts[0], max_tokens=2))
    engine._runner.n_tokens.clear()
    for i, prompt in enumerate(prompts):
        engine.add(asked(str(i), prompt, max_tokens=8))
    found = finish(engine)
    for i, prompt in enumerate(prompts):
        check(found, asked(str(i), prompt, max_tokens=8))
    assert engine.stats().prefix_hit_tokens == 4 * 16
    assert engine._runner.n_tokens[0] == 4 * 2


def test_too_little_memory_preempts_and_changes_nothing():
    engine = make(n_blocks=12)
    requests = [
        asked(str(i), [i + 1, 2, 3, 4, 5], max_tokens=30, ignore_eos=True) for i in range(4)
    ]
    for request in requests:
        engine.add(request)
    found = finish(engine)
    for request in requests:
        check(found, request)
    assert engine.stats().preemptions > 0


def test_a_long_prompt_does_not_stop_those_who_write():
    engine = make(n_blocks=60, max_tokens=6, max_length=100)
    engine.add(asked("writes", [1, 2], max_tokens=30, ignore_eos=True))
    engine.step()
    engine.add(asked("reads", [4] * 60, max_tokens=3, ignore_eos=True))
    for _ in range(11):
        assert [output.request for output in engine.step()] == ["writes"]
    assert {output.request for output in engine.step()} == {"writes", "reads"}


def test_nobody_overtakes():
    """A large request behind a small one comes before all that came later."""
    engine = make(n_blocks=12, max_running=4, max_tokens=24)
    engine.add(asked("first", [1, 2, 3], max_tokens=20, ignore_eos=True))
    engine.step()
    engine.add(asked("large", [4] * 40, max_tokens=4, ignore_eos=True))
    for i in range(6):
        engine.add(asked(f"small {i}", [5, i + 1], max_tokens=4, ignore_eos=True))
    order = []
    while engine.has_work:
        order += [output.request for output in engine.step() if output.request not in order]
    assert order[:2] == ["first", "large"]


def test_what_is_refused():
    engine = make(n_blocks=10, max_waiting=2)
    with pytest.raises(TooLong, match="fit"):
        engine.add(asked("a", [1] * 64))
    with pytest.raises(TooLong, match="cache"):
        engine.add(asked("a", [1] * 20, max_tokens=40))
    with pytest.raises(ValueError, match="empty"):
        engine.add(asked("a", []))
    with pytest.raises(ValueError, match="not below"):
        engine.add(asked("a", [1, V]))
    engine.add(asked("a", [1], max_tokens=5))
    with pytest.raises(ValueError, match="under way"):
        engine.add(asked("a", [1], max_tokens=5))
    engine.add(asked("b", [1], max_tokens=5))
    with pytest.raises(Full):
        engine.add(asked("c", [1], max_tokens=5))
    engine.step()
    engine.add(asked("c", [1], max_tokens=5))


def test_stop_strings_end_an_answer_and_are_not_in_it():
    request = asked("a", [3, 4, 5], max_tokens=30, ignore_eos=True)
    engine = make()
    engine.add(request)
    whole = finish(engine)["a"][1]
    engine.add(asked("b", [3, 4, 5], max_tokens=30, ignore_eos=True, stop=(whole[6:9], "zzz")))
    _, text, last = finish(engine)["b"]
    assert text == whole[: whole.index(whole[6:9])]
    assert last.finish == "stop"


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_log_probabilities_are_the_models_own(temperature):
    engine, request = make(), asked("a", [3, 4], temperature=temperature, logprobs=3, max_tokens=6)
    engine.add(request)
    tokens, ids = finish(engine)["a"][0], [3, 4]
    for token in tokens:
        expected = logits_after(ids).log_softmax(-1)
        assert token.logprob == pytest.approx(expected[token.id].item())
        top = expected.topk(3)
        assert [id for id, _ in token.top] == top.indices.tolist()
        ids.append(token.id)


@pytest.mark.parametrize("temperature", [0, 0.8])
def test_looked_up_guesses_change_nothing_but_the_number_of_steps(temperature):
    requests = [
        asked(
            str(i), [7, 3, 5] * 4 + [i + 1], temperature=temperature, max_tokens=40, seed=i,
            ignore_eos=True,
        )
        for i in range(4)
    ]  # fmt: skip
    engine = make(n_blocks=80, drafter=NgramDrafter(), n_guesses=3)
    for request in requests:
        engine.add(request)
    found = finish(engine)
    for request in requests:
        check(found, request)
    stats = engine.stats()
    assert 0 < stats.accepted < stats.guessed


class Poisoner:
    """Guesses one token right, and then one at which the model fails."""

    def propose(self, asked):
        said = [int(logits_after([*a.prompt, *a.answer]).argmax()) for a in asked]
        return [Proposal((token, POISON, 5)[: a.k]) for token, a in zip(said, asked, strict=True)]

    def release(self, request):
        pass


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_a_guess_at_which_the_model_fails_is_a_wrong_guess(temperature):
    engine = make(drafter=Poisoner(), n_guesses=3)
    requests = [
        asked(id, [3, 4, i], temperature=temperature, max_tokens=12, ignore_eos=True, seed=i)
        for i, id in enumerate("abc", 5)
    ]
    for request in requests:
        engine.add(request)
    found = finish(engine)
    for request in requests:
        check(found, request)


def test_a_drafting_model_is_right_about_itself():
    """Who drafts with the target itself is accepted but for rounding, greedy or not."""
    for temperature in (0, 1.0):
        drafter = ModelDrafter(ToyRunner(40, BLOCK))
        engine = make(drafter=drafter, n_guesses=3)
        request = asked("a", [5, 6], temperature=temperature, max_tokens=33, ignore_eos=True)
        engine.add(request)
        found = finish(engine)
        if temperature == 0:
            check(found, request)
        stats = engine.stats()
        assert len(found["a"][0]) == 33
        assert stats.accepted == stats.guessed == 24


def test_a_request_without_a_seed_gets_one():
    engine = make()
    for id in "ab":
        engine.add(asked(id, [3, 4], temperature=1.0, seed=None, max_tokens=20, ignore_eos=True))
    found = finish(engine)
    assert [t.id for t in found["a"][0]] != [t.id for t in found["b"][0]]


@pytest.mark.parametrize(
    ("sizes", "match"),
    [
        ({"max_tokens": 5}, "above 5"),
        ({"max_waiting": 0}, "max_waiting"),
        ({"n_guesses": -1}, "n_"),
    ],
)
def test_sizes_that_make_no_engine(sizes, match):
    with pytest.raises(ValueError, match=match):
        make(**sizes)
