"""Log-probabilities and entropy: by hand, against torch, and on real language models."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from phase3_alignment.solution import logprobs
from shared import checks

# p(next token) after each of three tokens of a vocabulary of three.
TABLE = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]], dtype=torch.float64)


def make_logits(B=3, T=6, V=11, seed=0, scale=3.0, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(B, T, V, generator=g, dtype=torch.float64)
    ids = torch.randint(V, (B, T), generator=g)
    actions = torch.rand(B, T - 1, generator=g) < 0.6
    return logits.to(dtype), ids, actions


def everything(B, T):
    return torch.ones(B, T - 1, dtype=torch.bool)


# -- what was said ------------------------------------------------------------------------------


@pytest.mark.exercise("3.14")
def test_a_text_of_three_tokens():
    """Any number may be added to a row of logits; here 5, -3 and 1."""
    ids = torch.tensor([[0, 2, 1]])
    logits = TABLE[ids].log() + torch.tensor([[5.0], [-3], [1]], dtype=torch.float64)
    found = logprobs.of_tokens(logits, ids, everything(1, 3))
    # After token 0 comes 2, with 1/4; after token 2 comes 1, with 3/10.
    expected = torch.tensor([[0.25, 0.3]], dtype=torch.float64).log()
    checks.close(found, expected, "log-probabilities of the tokens 2 and 1 in the text 0 2 1")


@pytest.mark.exercise("3.14")
def test_only_actions_count():
    ids = torch.tensor([[0, 2, 1, 1], [1, 0, 0, 2]])
    actions = torch.tensor([[False, True, True], [True, False, False]])
    found = logprobs.of_tokens(TABLE[ids].log(), ids, actions)
    expected = torch.tensor([[0, math.log(0.3), math.log(0.2)], [math.log(0.1), 0, 0]])
    checks.close(found, expected.double(), "log-probabilities where two and one tokens count")


@pytest.mark.exercise("3.14")
def test_a_whole_batch_is_torchs_cross_entropy():
    logits, ids, actions = make_logits()
    kept = logits.clone(), ids.clone(), actions.clone()
    found = logprobs.of_tokens(logits, ids, actions)
    labels = ids[:, 1:].where(actions, -100)
    expected = -F.cross_entropy(logits[:, :-1].transpose(1, 2), labels, reduction="none")
    checks.close(found, expected, "log-probabilities of a batch")
    checks.equal(str(found.dtype), "torch.float64", "dtype for logits of float64")
    checks.equal((logits, ids, actions), kept, "the arguments after the call, left as they were")


@pytest.mark.exercise("3.14")
def test_padding_may_hold_any_number():
    logits, ids, actions = make_logits()
    expected = logprobs.of_tokens(logits, ids, actions)
    ids[:, 1:][~actions] = -100
    found = logprobs.of_tokens(logits, ids, actions)
    checks.close(found, expected, "log-probabilities where ids that do not count are -100")


@pytest.mark.exercise("3.14")
def test_the_unlikeliest_token_has_a_number():
    ids = torch.tensor([[0, 1, 2]])
    logits = torch.tensor([[[1000.0, 0, 0], [0, 0, -1000], [0, 0, 0]]])
    found = logprobs.of_tokens(logits, ids, everything(1, 3))
    expected = torch.tensor([[-1000.0, -1000 - math.log(2)]])
    checks.close(found, expected, "log-probabilities of tokens that lag by 1000 nats")


@pytest.mark.exercise("3.14")
def test_gradients_of_log_probabilities():
    logits, ids, actions = make_logits()
    logits.requires_grad_()
    found = logprobs.of_tokens(logits, ids, actions)
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    expected = F.one_hot(ids[:, 1:], 11) - logits[:, :-1].softmax(-1)
    expected = F.pad(expected * actions[..., None], (0, 0, 0, 1))
    checks.close(gradient, expected.detach(), "gradient of the logits: what came minus p")
    silent = torch.cat([~actions, torch.ones(3, 1, dtype=torch.bool)], dim=1)
    checks.law((gradient[silent] == 0).all(), "a gradient of exactly 0 where no action is")


@pytest.mark.exercise("3.14")
def test_half_precision_is_widened():
    logits, ids, actions = make_logits(dtype=torch.bfloat16)
    found = logprobs.of_tokens(logits, ids, actions)
    checks.equal(str(found.dtype), "torch.float32", "dtype for logits of bfloat16")
    expected = logprobs.of_tokens(logits.double(), ids, actions)
    # Torch's default for float32: of the same rounded logits, nothing else is rounded to 8 bits.
    checks.close(found, expected.float(), "log-probabilities of logits in bfloat16")


@pytest.mark.exercise("3.14")
def test_no_second_table():
    """A vocabulary of 1000: whatever is saved for backward besides the logits must be small."""
    logits, ids, actions = make_logits(B=4, T=9, V=1000, dtype=torch.float32)
    logits.requires_grad_()
    saved = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        found = logprobs.of_tokens(logits, ids, actions)
    checks.equal(found.requires_grad, True, "whether log-probabilities can be differentiated")
    saved.pop(logits.untyped_storage().data_ptr(), None)
    # Per prediction an index, a normaliser, a flag: thousandths of the table, not tenths.
    tables = round(sum(saved.values()) / logits.nbytes, 1)
    checks.at_most(tables, 0.0, "tables of the size of the logits that autograd keeps besides them")


# -- what could have been said ------------------------------------------------------------------


@pytest.mark.exercise("3.14")
def test_entropy_by_hand():
    probabilities = torch.tensor([[[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3], [0.9, 0.1, 0.0]]])
    logits = probabilities.log() + torch.tensor([[4.0], [-2], [0]])
    found = logprobs.entropy(logits, everything(1, 3))
    expected = torch.tensor([[1.5 * math.log(2), math.log(3)]])
    checks.close(found, expected, "entropy of (1/2, 1/4, 1/4) and of three equal ones, in nats")


@pytest.mark.exercise("3.14")
def test_entropy_of_a_batch_is_torchs():
    logits, _, actions = make_logits()
    kept = logits.clone(), actions.clone()
    found = logprobs.entropy(logits, actions)
    expected = torch.distributions.Categorical(logits=logits[:, :-1]).entropy() * actions
    checks.close(found, expected, "entropy of a batch, 0 where no action is")
    checks.equal(str(found.dtype), "torch.float64", "dtype of the entropy for logits of float64")
    checks.equal((logits, actions), kept, "the arguments after the call, left as they were")


@pytest.mark.exercise("3.14")
def test_entropy_where_tokens_are_ruled_out():
    inf = math.inf
    logits = torch.tensor([[[0.0, 0, -inf, -inf], [7, -inf, -inf, -inf], [0, 0, 0, 0]]])
    logits = logits.double().requires_grad_()
    found = logprobs.entropy(logits, everything(1, 3))
    expected = torch.tensor([[math.log(2), 0]], dtype=torch.float64)
    checks.close(found, expected, "entropy where two and where three of four tokens are ruled out")
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    checks.close(gradient, torch.zeros_like(logits), "its gradient: equal ones are at the top")
    logits = torch.tensor([[[1000.0, 0, 0], [0, 0, 0]]])
    found = logprobs.entropy(logits, everything(1, 2))
    checks.close(found, torch.zeros(1, 1), "entropy where one token leads by 1000 nats")


@pytest.mark.exercise("3.14")
def test_gradients_of_entropy():
    logits, _, actions = make_logits()
    logits.requires_grad_()
    found = logprobs.entropy(logits, actions)
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    logp = logits[:, :-1].detach().log_softmax(-1)
    H = -(logp.exp() * logp).sum(-1, keepdim=True)
    expected = -logp.exp() * (logp + H) * actions[..., None]
    expected = F.pad(expected, (0, 0, 0, 1))
    checks.close(gradient, expected, "gradient of the entropy: -p (log p + H)")


@pytest.mark.exercise("3.14")
def test_entropy_of_half_precision():
    logits, _, actions = make_logits(dtype=torch.bfloat16)
    found = logprobs.entropy(logits, actions)
    checks.equal(str(found.dtype), "torch.float32", "dtype of the entropy for logits of bfloat16")
    expected = logprobs.entropy(logits.double(), actions).float()
    checks.close(found, expected, "entropy of logits in bfloat16")


# -- proofs -------------------------------------------------------------------------------------


def test_gradients_are_those_of_differences():
    logits, ids, actions = make_logits(B=2, T=4, V=5)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: logprobs.of_tokens(x, ids, actions), logits)
    assert torch.autograd.gradcheck(lambda x: logprobs.entropy(x, actions), logits)


def test_entropy_is_the_mean_surprise():
    """The law that ties both functions: -log p of each token, weighed by p."""
    logits = make_logits(B=2, T=2, V=7)[0]
    texts = [torch.tensor([[0, v], [0, v]]) for v in range(7)]
    log_p = torch.stack([logprobs.of_tokens(logits, ids, everything(2, 2)) for ids in texts])
    checks.close(log_p.exp().sum(0), torch.ones(2, 1).double(), "probabilities add up to 1")
    expected = -(log_p.exp() * log_p).sum(0)
    checks.close(logprobs.entropy(logits, everything(2, 2)), expected, "entropy")


def test_what_does_not_fit_is_named():
    logits, ids, actions = make_logits()
    with pytest.raises(ValueError, match="expected"):
        logprobs.of_tokens(logits, ids, torch.ones(3, 6, dtype=torch.bool))
    with pytest.raises(ValueError, match="expected"):
        logprobs.of_tokens(logits, ids[:, 1:], actions)
    with pytest.raises(ValueError, match="expected"):
        logprobs.entropy(logits, actions[:2])


def test_a_table_of_one_text_at_a_time():
    """Whatever torch allocates on the way, in one piece: at most a sixteenth of the logits."""
    logits, ids, actions = make_logits(B=16, T=9, V=1000, dtype=torch.float32)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        logprobs.of_tokens(logits.requires_grad_(), ids, actions)
    largest = max(event.self_cpu_memory_usage for event in seen.events())
    checks.at_most(largest, logits.nbytes / 16, "bytes of the largest allocation")


def make_model(name):
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face models")
    small = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {"gpt2": {"bos_token_id": 0, "eos_token_id": 0}}
    more["llama"] = {"intermediate_size": 32, "num_key_value_heads": 1}
    more["qwen3"] = more["llama"] | {"head_dim": 8}
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(name, **small, **more[name])
    config.initializer_range = 0.3  # or all tokens would be nearly as likely
    return transformers.AutoModelForCausalLM.from_config(config).eval().double()


def padded(texts, left):
    width = max(map(len, texts)) + 2
    ids = torch.zeros(len(texts), width, dtype=torch.int64)
    mask = torch.zeros(len(texts), width, dtype=torch.bool)
    for i, text in enumerate(texts):
        start = width - len(text) if left else 0
        ids[i, start : start + len(text)] = text
        mask[i, start : start + len(text)] = True
    return ids, mask


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3"])
def test_a_real_model_agrees_about_its_own_loss(name):
    model = make_model(name)
    g = torch.Generator().manual_seed(1)
    ids = torch.randint(40, (3, 8), generator=g)
    actions = torch.rand(3, 7, generator=g) < 0.5
    labels = torch.cat([torch.full((3, 1), -100), ids[:, 1:].where(actions, -100)], dim=1)
    with torch.no_grad():
        theirs = model(input_ids=ids, labels=labels).loss
        ours = logprobs.under(model, ids, torch.ones_like(ids, dtype=torch.bool), actions)
    # transformers takes the loss in float32, and rotary embeddings are made in it.
    checks.close(ours.sum(), -theirs.double() * actions.sum(), "sum", rtol=1e-6)


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3"])
def test_a_padded_batch_is_its_texts_one_by_one(name):
    model = make_model(name)
    g = torch.Generator().manual_seed(2)
    texts = [torch.randint(40, (n,), generator=g) for n in (7, 3, 5)]
    with torch.no_grad():
        alone = []
        for text in texts:
            mask = torch.ones(1, len(text), dtype=torch.bool)
            alone.append(logprobs.under(model, text[None], mask, mask[:, 1:])[0])
        for left in (False, True):
            ids, mask = padded(texts, left)
            actions = mask[:, 1:] & mask[:, :-1]
            found = logprobs.under(model, ids, mask, actions)[actions]
            side = "left" if left else "right"
            close = {"rtol": 1e-6, "atol": 1e-6}  # rotary embeddings are made in float32
            checks.close(found, torch.cat(alone), f"padding on the {side}", **close)
