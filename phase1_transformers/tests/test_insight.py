import numpy as np
import pytest
import torch
import torch.nn.functional as F

from phase1_transformers.project import insight
from phase1_transformers.project.evaluate import score
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import CLEAR, FUSED
from shared import checks

SHAPE = {"vocab_size": 23, "block_size": 12, "n_layer": 3, "n_head": 4, "n_embd": 16}
CONFIGS = {"gpt2": gpt2(**SHAPE), "modern": modern(**SHAPE, n_kv_head=2)}


def make_model(name="gpt2", ops=FUSED):
    """A model whose weights are large enough for its heads to differ."""
    model = GPT(CONFIGS[name], ops, torch.Generator().manual_seed(0)).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data *= 10
    return model


def make_ids(n, seed=1):
    return torch.randint(SHAPE["vocab_size"], (n,), generator=torch.Generator().manual_seed(seed))


def huggingface(model, tmp_path):
    """The same model as Hugging Face runs it, on its plain attention."""
    transformers = pytest.importorskip("transformers", reason="Hugging Face is the oracle")
    from phase1_transformers.project import hub

    hub.save_pretrained(model, tmp_path)
    return transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager"
    ).eval()


@pytest.mark.parametrize("ops", [CLEAR, FUSED], ids=["clear", "fused"])
@pytest.mark.parametrize("name", CONFIGS)
def test_attention_maps_are_huggingfaces(name, ops, tmp_path):
    model, idx = make_model(name, ops), make_ids(9)
    theirs = huggingface(model, tmp_path)(idx[None], output_attentions=True).attentions
    maps = insight.attention_maps(model, idx)
    checks.close(maps, torch.cat(theirs), f"attention weights of {name}")


@pytest.mark.parametrize("name", CONFIGS)
def test_attention_rows_sum_to_one_and_see_no_future(name):
    maps = insight.attention_maps(make_model(name), make_ids(9))
    checks.equal(maps.shape, (3, 4, 9, 9), "shape of the maps")
    checks.close(maps.sum(dim=-1), torch.ones(3, 4, 9), "sums of the rows")
    checks.equal(maps.triu(1), torch.zeros_like(maps), "weights of later tokens")


def test_recording_leaves_the_model_as_it_was():
    model, idx = make_model(), make_ids(7)
    before, _ = model(idx[None])
    with insight.recorded_attention(model):
        during, _ = model(idx[None])
    after, _ = model(idx[None])
    checks.close(during, before, "logits while attention is recorded")
    checks.equal(after, before, "logits afterwards")
    checks.law(all(block.attention.ops is FUSED for block in model.blocks), "the old operations")


def test_habits_of_made_up_heads():
    T = 6
    itself = torch.eye(T)
    before = torch.eye(T).roll(-1, dims=1)
    first = torch.zeros(T, T)
    first[:, 0] = 1.0
    even = torch.ones(T, T).tril() / torch.arange(1, T + 1)[:, None]
    found = insight.habits(torch.stack([itself, before, first, even])[None])
    mean = float(np.mean([1 / 3, 1 / 4, 1 / 5, 1 / 6]))
    checks.close(found["itself"][0], torch.tensor([1, 0, 0, mean]), "looks at itself")
    checks.close(found["the token before"][0], torch.tensor([0, 1, 0, mean]), "at the one before")
    checks.close(found["the first token"][0], torch.tensor([0, 0, 1, mean]), "at the first")


@pytest.mark.parametrize("name", CONFIGS)
def test_the_last_lens_is_the_model(name):
    model, idx = make_model(name), make_ids(9)
    lens = insight.logit_lens(model, idx)
    checks.equal(lens.shape, (4, 9, 23), "shape of the lens")
    checks.close(lens[-1], model(idx[None])[0][0], "the lens after the last block")
    checks.law(not model.blocks[0]._forward_hooks, "no hook is left behind")


def test_the_lens_is_huggingfaces_hidden_states_through_the_head(tmp_path):
    model, idx = make_model(), make_ids(9)
    theirs = huggingface(model, tmp_path)
    hidden = theirs(idx[None], output_hidden_states=True).hidden_states[:-1]  # the last is normed
    expected = theirs.lm_head(theirs.transformer.ln_f(torch.cat(hidden)))
    checks.close(insight.logit_lens(model, idx)[:-1], expected, "the lens before the last block")


def test_neighbours_are_the_largest_cosines():
    table = torch.randn(20, 5, generator=torch.Generator().manual_seed(2))
    ids, cosines = insight.neighbours(table, [3, 17], 4)
    for row, token in enumerate([3, 17]):
        every = F.cosine_similarity(table[token], table)
        order = [i for i in every.argsort(descending=True).tolist() if i != token]
        checks.equal(ids[row], torch.tensor(order[:4]), f"neighbours of token {token}")
        checks.close(cosines[row], every[order[:4]], f"cosines of token {token}")


def test_length_is_no_matter_among_neighbours():
    table = torch.tensor([[1.0, 0.0], [100.0, 100.0], [0.001, 0.0]])
    ids, _ = insight.neighbours(table, [0], 1)
    checks.equal(ids, torch.tensor([[2]]), "the short vector of the same direction")


def test_loss_by_position_is_that_of_prefixes():
    model, tokens = make_model("modern"), make_ids(2 * 12 + 1).numpy()
    losses = insight.loss_by_position(model, tokens)
    expected = torch.empty(2, 12)
    for window in range(2):
        for t in range(12):
            seen = torch.from_numpy(tokens[12 * window : 12 * window + t + 1])
            target = torch.tensor(tokens[12 * window + t + 1])
            expected[window, t] = F.cross_entropy(model(seen[None])[0][0, -1], target)
    checks.close(losses, expected, "losses of two windows, token by token")


def test_loss_by_position_averages_to_the_loss():
    model, tokens = make_model(), make_ids(40 * 12 + 1).numpy().astype(np.uint16)
    losses = insight.loss_by_position(model, tokens)
    checks.close(losses.mean().item(), score(model, tokens, 12).loss, "mean", rtol=1e-5)


def test_overlapping_windows():
    model, tokens = make_model(), make_ids(40 * 12 + 5).numpy()
    apart = insight.loss_by_position(model, tokens)
    overlapping = insight.loss_by_position(model, tokens, stride=4)
    checks.equal(len(overlapping), 119, "windows from 0, 4, ... 472 of 485 tokens")
    checks.close(overlapping[::3], apart, "every third of the overlapping windows")


def test_pools_keep_the_mean_and_grow():
    losses = torch.rand(50, 100, generator=torch.Generator().manual_seed(3))
    contexts, means, errors = insight.pooled(losses)
    checks.equal(contexts[:3], np.array([1.0, 2.0, 3.0]), "contexts of the first pools, one each")
    checks.close(means[:3], losses[:, :3].mean(dim=0).numpy(), "their means")
    first = losses[:, 0].std(correction=0) / 50**0.5
    checks.close(errors[0], first.item(), "standard error of the first pool", rtol=1e-5)
    checks.close(insight.pooled(losses, overlap=4.0)[1], means, "means where windows overlap")
    checks.close(insight.pooled(losses, overlap=4.0)[2], 2 * errors, "errors where they overlap")
    checks.law(contexts[-1] > 80 and (np.diff(contexts) > 0).all(), "contexts rise", contexts)


def test_the_odd_one_is_the_least_explained():
    habits = {
        "a": torch.tensor([[0.5, 0.2], [0.9, 0.4]]),
        "b": torch.tensor([[0.3, 0.4], [0, 0.1]]),
    }
    checks.equal(insight.odd_one(habits), (1, 1), "sums 0.8 and 0.6, 0.9 and 0.5")


def test_the_plane_keeps_what_lies_in_a_plane():
    g = torch.Generator().manual_seed(4)
    angles = 0.3 * torch.rand(9, generator=g)
    table = torch.zeros(12, 6)
    table[2:11, 1], table[2:11, 4] = 5 * angles.cos(), 5 * angles.sin()  # an arc in two of six axes
    flat = insight.principal_plane(table, list(range(2, 11)))
    directions = F.normalize(table[2:11], dim=-1)
    checks.close(torch.cdist(flat, flat), torch.cdist(directions, directions), "distances")
    checks.close(flat.mean(dim=0), torch.zeros(2), "the middle")


def test_a_text_shorter_than_a_window_is_refused():
    call = lambda: insight.loss_by_position(make_model(), np.zeros(12, int))  # noqa: E731
    checks.raises(call, ValueError, "12 tokens for a window of 12 and a target", "too few")
