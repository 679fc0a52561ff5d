"""Rollouts: transformers' generate, log-probabilities without a cache, chance by the book."""

import pytest
import torch

from phase3_alignment.solution import rollout, value_head
from shared import checks

transformers = pytest.importorskip("transformers", reason="the models are Hugging Face's")

END = 5
# float32 through a cache, or not, or with other padding: sums of some dozen terms of size 1 in
# another order, divided by a temperature.
NOISE = {"rtol": 1e-4, "atol": 2e-5}


def make_model(kind="gpt2", seed=0, positions=64):
    small = {"vocab_size": 23, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
    small |= {"intermediate_size": 24, "max_position_embeddings": positions}
    small |= {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    torch.manual_seed(seed)
    if kind == "gpt2":
        small["n_positions"] = small.pop("max_position_embeddings")
        small["n_inner"] = small.pop("intermediate_size")
        config = transformers.GPT2Config(**small, initializer_range=0.4)
    elif kind == "llama":
        config = transformers.LlamaConfig(**small, num_key_value_heads=2, initializer_range=0.4)
    else:
        config = transformers.Qwen3Config(
            **small, num_key_value_heads=2, head_dim=4, initializer_range=0.4
        )
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def make_prompts(B=6, P=7, seed=1):
    """Prompts of 1 to P tokens, padded on the left with a token that the model knows."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(6, 23, (B, P), generator=g)
    lengths = torch.arange(B) % P + 1
    mask = torch.arange(P) >= P - lengths[:, None]
    return ids.where(mask, 3), mask


def without_cache(model, ids, mask, temperature):
    """All log-probabilities of the next token, (B, T - 1, V), one row at a time, unpadded."""
    found = torch.zeros(len(ids), ids.shape[1] - 1, 23)
    for row, keep, out in zip(ids, mask, found, strict=True):
        first, last = keep.nonzero()[0].item(), keep.nonzero()[-1].item()
        with torch.no_grad():
            logits = model(input_ids=row[None, first : last + 1]).logits[0, :-1]
        out[first:last] = (logits / temperature).log_softmax(-1)
    return found


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_greedy_is_transformers_generate(kind):
    model, (ids, mask) = make_model(kind), make_prompts()
    ours = rollout.sample(model, ids, mask, 20, END, top_k=1)
    theirs = model.generate(
        ids,
        attention_mask=mask.long(),
        max_new_tokens=20,
        do_sample=False,
        eos_token_id=END,
        pad_token_id=END,
    )
    checks.equal(ours.ids, theirs, f"greedy tokens of {kind}")
    checks.equal(ours.logprobs, torch.zeros_like(ours.logprobs), "logprobs of what is certain")


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_those_without_cache_and_padding(kind, temperature):
    model, (ids, mask) = make_model(kind), make_prompts()
    g = torch.Generator().manual_seed(3)
    got = rollout.sample(model, ids, mask, 16, END, temperature=temperature, generator=g)
    assert 0 < got.ended.sum() < len(ids), "some end and some do not"
    table = without_cache(model, got.ids, got.mask, temperature)
    expected = table.gather(-1, got.ids[:, 1:, None])[..., 0].where(got.actions, 0)
    checks.close(got.logprobs, expected, f"logprobs of {kind}, t = {temperature}", **NOISE)


def test_what_a_rollout_holds():
    model, (ids, mask) = make_model(), make_prompts()
    before = ids.clone(), mask.clone()
    g = torch.Generator().manual_seed(3)
    got = rollout.sample(model, ids, mask, 16, END, generator=g)
    checks.equal((ids, mask), before, "prompts after sampling, left as they were")
    B, P = ids.shape
    checks.equal(got.ids[:, :P], ids, "prompts at the beginning")
    checks.equal(got.mask[:, :P], mask, "mask of the prompts")
    for b in range(B):
        response = got.ids[b, P:].tolist()
        n = response.index(END) + 1 if END in response else len(response)
        checks.equal(got.mask[b, P:].tolist(), [i < n for i in range(len(response))], "mask")
        acts = [P - 1 <= t < P - 1 + n for t in range(got.ids.shape[1] - 1)]
        checks.equal(got.actions[b].tolist(), acts, "actions: the end-of-text token is one")
        checks.equal(bool(got.ended[b]), END in response, "ended")
        checks.equal(set(response[n:]) <= {END}, True, "padding after the end")
        checks.equal(int(got.lengths[b]), n, "length")
    out = got.logprobs[~got.actions]
    checks.equal(out, torch.zeros_like(out), "logprobs where there is no action")


def test_stops_when_all_have_ended():
    model, (ids, mask) = make_model(), make_prompts()
    head = model.lm_head.weight
    model.lm_head.weight = torch.nn.Parameter(head * 0)  # every token is equally likely
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    g = torch.Generator().manual_seed(0)
    got = rollout.sample(model, ids, mask, 57, 0, generator=g)
    checks.equal(len(calls), int(got.lengths.max()), "forward passes: one a token, none after")
    uniform = got.logprobs[got.actions]
    checks.close(uniform, torch.full_like(uniform, -torch.log(torch.tensor(23.0))), "-ln V")
    endless = rollout.sample(model, ids, mask, 4, None, generator=g)
    checks.equal(endless.ended.tolist(), [False] * 6, "without an end token nothing ends")
    checks.equal(endless.lengths.tolist(), [4] * 6, "lengths without an end token")


def test_the_same_generator_gives_the_same_responses():
    model, (ids, mask) = make_model(), make_prompts()
    one, two, other = (
        rollout.sample(model, ids, mask, 12, END, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    checks.equal(one.ids, two.ids, "tokens of two runs")
    checks.equal(one.logprobs, two.logprobs, "logprobs of two runs, to the bit")
    assert not torch.equal(one.ids[:, :9], other.ids[:, :9])


@pytest.mark.parametrize("options", [{}, {"top_k": 4}, {"top_p": 0.6}, {"temperature": 2.0}])
def test_tokens_are_drawn_as_often_as_likely(options):
    model, n = make_model(), 4000
    ids = torch.full((n, 1), 7)
    g = torch.Generator().manual_seed(0)
    got = rollout.sample(model, ids, ids > 0, 1, END, generator=g, **options)
    logits = model(input_ids=ids[:1]).logits[0, -1].detach() / options.get("temperature", 1.0)
    if k := options.get("top_k"):
        logits[logits < logits.sort(descending=True).values[k - 1]] = -torch.inf
    if p := options.get("top_p"):
        order = logits.argsort(descending=True).tolist()
        kept, total = [], 0.0
        for token in order:
            kept.append(token)
            total += logits.softmax(-1)[token].item()
            if total >= p:
                break
        logits[[token for token in order if token not in kept]] = -torch.inf
    p = logits.softmax(-1)
    checks.close(got.logprobs[:, 0].exp(), p[got.ids[:, 1]], "probability of each drawn token")
    share = torch.bincount(got.ids[:, 1], minlength=23) / n
    # Four standard deviations of a binomial share.
    off = (share - p).abs() - 4 * (p * (1 - p) / n).sqrt()
    checks.law((off <= 1e-6).all(), "shares of 4000 draws, against the probabilities", share)


def test_a_tokens_of_probability_zero_is_never_drawn():
    log_p = torch.tensor([[-torch.inf, 0.0, -torch.inf], [-torch.inf, -torch.inf, 0.0]])
    for u in (0.0, 1 - 2**-24):  # the ends of what torch.rand gives

        def rand(*shape, **_):
            return torch.full(shape, u)  # noqa: B023

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "rand", rand)
            checks.equal(rollout._draw(log_p, None)[:, 0].tolist(), [1, 2], f"drawn at u = {u}")


def test_values_come_with_the_tokens():
    model = value_head.ActorCritic(make_model()).eval()
    torch.nn.init.normal_(model.value_head.weight)
    ids, mask = make_prompts()
    g = torch.Generator().manual_seed(3)
    got = rollout.sample(model, ids, mask, 16, END, generator=g)
    plain = rollout.sample(
        model.model, ids, mask, 16, END, generator=torch.Generator().manual_seed(3)
    )
    assert plain.values is None
    checks.equal(got.ids, plain.ids, "tokens with and without a value head")
    positions = (got.mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        again = model(
            input_ids=got.ids, attention_mask=got.mask.long(), position_ids=positions
        ).values[:, :-1]
    checks.close(got.values, again.where(got.actions, 0), "values, without a cache", **NOISE)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"max_new_tokens": 0}, "positive"),
        ({"temperature": 0.0}, "positive"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 1.5}, "top_p"),
        ({"prompt_mask": torch.tensor([[True, False]])}, "pad on the left"),
    ],
)
def test_wrong_options(change, match):
    arguments = {"prompt_ids": torch.tensor([[7, 8]]), "prompt_mask": torch.ones(1, 2).bool()}
    arguments |= {"max_new_tokens": 2, "end_id": END}
    with pytest.raises(ValueError, match=match):
        rollout.sample(make_model(), **(arguments | change))


def test_training_mode_is_an_error():
    ids, mask = make_prompts()
    with pytest.raises(ValueError, match="training mode"):
        rollout.sample(make_model().train(), ids, mask, 2, END)
