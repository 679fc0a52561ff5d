"""A GPT whose ranks see some tokens each, against the one that sees all, after several steps."""

import pytest
import torch.distributed as dist

from phase2_scaling.solution import context_parallel, ring_attention
from phase2_scaling.tests.cut_models import (
    CONFIG,
    compare,
    different_model,
    make_batches,
    make_model,
    train,
    whole_loss,
)
from shared import ranks


def train_cut(layout, batches):
    model = different_model(CONFIG)
    context_parallel.parallelise(model, layout)
    return train(model, context_parallel.loss, batches)


@pytest.mark.parametrize("cut", [ring_attention.contiguous, ring_attention.zigzag])
@pytest.mark.parametrize(("n", "T"), [(1, 12), (2, 12), (3, 11), (4, 10)])
def test_losses_and_gradients_are_the_wholes(n, T, cut):
    batches = make_batches(T)
    expected = train(make_model(), whole_loss, batches)
    results = ranks.run(n, train_cut, cut(T, n), batches)
    compare(results, expected, f"{T} tokens, {cut.__name__}")


def hidden_states(idx, layout):
    model = make_model()
    context_parallel.parallelise(model, layout)
    return model.hidden(idx[:, layout[dist.get_rank()]]).detach()


def test_no_rank_sees_the_future():
    (idx, _), layout = make_batches()[0], ring_attention.zigzag(12, 3)
    changed = idx.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % CONFIG.vocab_size
    before, after = (ranks.run(3, hidden_states, x, layout) for x in (idx, changed))
    for positions, one, other in zip(layout, before, after, strict=True):
        same = (one == other).all(-1).all(0)
        assert same.tolist() == (positions < 7).tolist()
