"""Embedding and loss over a vocabulary that is cut, against the whole, by hand, and by laws."""

import math

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from phase2_scaling.solution import vocab_parallel
from phase2_scaling.solution.model import IGNORED
from phase2_scaling.tests.pairs import in_pairs
from phase2_scaling.tests.traffic import Sizes, watch_collectives
from shared import checks, ranks

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def integers(V, *shape, seed=1):
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


def pieces(table, n, dim=0, fill=0.0):
    """Cut V rows or columns for n ranks, the last ones filled up."""
    size = -(-table.shape[dim] // n)
    shape = list(table.shape)
    shape[dim] = n * size - table.shape[dim]
    return torch.cat([table, table.new_full(shape, fill)], dim).chunk(n, dim)


# -- embedding --------------------------------------------------------------------------------


def look_up(table, idx, group=None):
    part = vocab_parallel.VocabEmbedding(nn.Embedding.from_pretrained(table), group)
    idx, calls = idx.clone(), watch_collectives()
    y = part(idx)
    n_forward = len(calls)
    checks.law(getattr(y, "requires_grad", False), "the vectors depend on the table", y)
    checks.equal(tuple(y.shape), (*idx.shape, table.shape[1]), "shape of the vectors")
    (y * normal(*y.shape, seed=7)).sum().backward()
    return {
        "y": y.detach(),
        "gradient": part.weight.grad,
        "idx": idx,
        "sent": calls[:n_forward],
        "sent backward": calls[n_forward:],
    }


@pytest.mark.exercise("2.21")
def test_embedding_of_four_tokens_by_hand():
    table = torch.tensor([[1.0], [2.0], [4.0], [8.0]], dtype=torch.float64)
    idx = torch.tensor([[0, 3], [2, 1]])
    expected = torch.tensor([[[1.0], [8.0]], [[4.0], [2.0]]], dtype=torch.float64)
    for rank, got in enumerate(ranks.run(2, look_up, table, idx)):
        told = f"vectors of tokens 0, 3, 2, 1, of which rank 0 has 0 and 1, on rank {rank}"
        checks.close(got["y"], expected, told)
        checks.equal(got["idx"], idx, f"idx, afterwards, on rank {rank}")


@pytest.mark.exercise("2.21")
@pytest.mark.parametrize(("V", "n"), [(7, 3), (5, 4)])
def test_embedding_is_the_whole_tables(V, n):
    table, idx = normal(V, 4), integers(V, 3, 5)
    idx[0, 0], idx[-1, -1] = 0, V - 1
    whole = table.clone().requires_grad_()
    y = F.embedding(idx, whole)
    (y * normal(*y.shape, seed=7)).sum().backward()
    results = ranks.run(n, look_up, table, idx)
    for rank, (got, gradient) in enumerate(zip(results, pieces(whole.grad, n), strict=True)):
        where = f"on rank {rank} of {n}, {V} tokens"
        checks.close(got["y"], y, f"vectors {where}", **EXACT)
        checks.close(got["gradient"], gradient, f"gradient of the rows {where}", **EXACT)
        checks.equal(got["sent"], [("allreduce", y.numel())], f"what is sent forward {where}")
        checks.equal(got["sent backward"], [], f"what is sent backward {where}")


# -- cross-entropy ----------------------------------------------------------------------------


def score(logits, targets, reduction="mean", group=None):
    """Let each rank take its columns of the logits; return its loss and their gradient."""
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    mine = pieces(logits, n, -1, -math.inf)[rank].clone().requires_grad_()
    given, targets, calls = mine.detach().clone(), targets.clone(), watch_collectives()
    with Sizes() as sizes:
        loss = vocab_parallel.cross_entropy(mine, targets, group, reduction)
        checks.law(getattr(loss, "requires_grad", False), "the loss can be differentiated", loss)
        loss.backward()
    return {
        "loss": loss.detach(),
        "gradient": mine.grad,
        "targets": targets,
        "left": bool((mine == given).all()),
        "widest": sizes.widest,
        "sent": sum(size for _, size in calls),
    }


def whole(logits, targets, reduction="mean"):
    leaf = logits.clone().requires_grad_()
    loss = F.cross_entropy(
        leaf.flatten(0, -2), targets.flatten(), ignore_index=IGNORED, reduction=reduction
    )
    loss.backward()
    return loss.detach(), leaf.grad


def compare(results, logits, targets, name, reduction="mean"):
    loss, gradient = whole(logits, targets, reduction)
    n = len(results)
    for rank, got in enumerate(results):
        checks.close(got["loss"], loss, f"loss of {name} on rank {rank} of {n}", **EXACT)
    for rank, (got, columns) in enumerate(zip(results, pieces(gradient, n, -1), strict=True)):
        told = f"gradient of {name} on rank {rank} of {n}"
        checks.close(got["gradient"], columns, told, **EXACT)


# Scores log 4, log 2, log 1, log 1 are the probabilities 1/2, 1/4, 1/8, 1/8.
FOUR = torch.tensor([[4.0, 2.0, 1.0, 1.0]] * 3, dtype=torch.float64).log()


@pytest.mark.exercise("2.21")
def test_loss_of_three_targets_by_hand():
    targets = torch.tensor([0, 3, 1])
    expected = (1 + 3 + 2) * math.log(2) / 3
    for rank, got in enumerate(ranks.run(2, score, FOUR, targets)):
        told = f"mean loss of probabilities 1/2, 1/8, 1/4 on rank {rank} of 2"
        checks.close(got["loss"], expected, told, **EXACT)
        checks.equal(got["targets"], targets, f"targets, afterwards, on rank {rank}")
        checks.law(got["left"], f"the logits are left as they are on rank {rank}")


@pytest.mark.exercise("2.21")
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_and_gradient_are_the_wholes(reduction):
    # 7 tokens for 3 ranks: two columns of the last rank stand for no token.
    logits, targets = 3 * normal(2, 5, 7), integers(7, 2, 5)
    targets[0, :3] = IGNORED
    results = ranks.run(3, score, logits, targets, reduction)
    compare(results, logits, targets, f"7 tokens, {reduction}", reduction)


@pytest.mark.exercise("2.21")
def test_scores_of_any_size():
    # The largest one lies on another rank than the target's, and the ranks lie 1e4 apart.
    logits = 1000 * normal(6, 8)
    logits[0, :2] += 1e4
    logits[1, 6:] -= 1e4
    logits[2] = -1e4
    results = ranks.run(4, score, logits, torch.tensor([7, 0, 3, 1, 6, 4]))
    compare(results, logits, torch.tensor([7, 0, 3, 1, 6, 4]), "scores 1e4 apart")


@pytest.mark.exercise("2.21")
def test_a_rank_without_any_token():
    # 5 tokens for 4 ranks: two each, then one, then none.
    logits, targets = normal(4, 5), torch.tensor([4, 0, IGNORED, 2])
    compare(ranks.run(4, score, logits, targets), logits, targets, "5 tokens")


@pytest.mark.exercise("2.21")
def test_nobody_sees_more_than_his_columns():
    logits, targets = normal(2, 8, 48), integers(48, 2, 8)
    for rank, got in enumerate(ranks.run(3, score, logits, targets)):
        told = f"the widest tensor that rank {rank} of 3 makes from 48 columns of logits"
        checks.at_most(got["widest"], 16, told)
        told = f"numbers that rank {rank} sends for each of 16 targets"
        checks.at_most(got["sent"] / targets.numel(), 4, told)


@pytest.mark.exercise("2.21")
def test_nothing_to_predict_is_a_loss_of_zero():
    targets = torch.full((3,), IGNORED)
    for rank, got in enumerate(ranks.run(2, score, FOUR, targets)):
        checks.equal(float(got["loss"]), 0.0, f"loss if every target is ignored, on rank {rank}")
        checks.equal(got["gradient"], torch.zeros(3, 2), f"its gradient on rank {rank}")


@pytest.mark.exercise("2.21")
def test_embedding_and_loss_in_two_groups_of_two():
    # The groups' logits lie so far apart that the largest of all would serve neither.
    tables, idx = [normal(6, 4, seed=pair) for pair in range(2)], integers(6, 3, 5)
    logits, targets = [normal(3, 6), 1e4 + normal(3, 6, seed=1)], torch.tensor([5, IGNORED, 1])

    def both(pair, group):
        found = look_up(tables[pair], idx, group)
        return found, score(logits[pair], targets, group=group)

    for pair, results in enumerate(in_pairs(both)):
        found, losses = zip(*results, strict=True)
        for rank, got in enumerate(found):
            told = f"vectors on rank {rank} of group {pair}, which is 2 of 4 ranks"
            checks.close(got["y"], F.embedding(idx, tables[pair]), told, **EXACT)
        compare(losses, logits[pair], targets, f"group {pair}, which is 2 of 4 ranks")


@pytest.mark.exercise("2.21")
def test_float32_stays_float32():
    got = ranks.run(1, score, FOUR.float(), torch.tensor([0, 3, 1]))[0]
    checks.equal(str(got["loss"].dtype), "torch.float32", "dtype of the loss")
    checks.equal(tuple(got["loss"].shape), (), "shape of the loss")


# -- the solution alone -----------------------------------------------------------------------


@pytest.mark.parametrize(("V", "n"), [(8, 4), (7, 3), (5, 4)])
def test_head_gives_a_rank_its_columns(V, n):
    head, x = nn.Linear(4, V, bias=False, dtype=torch.float64), normal(2, 3, 4)
    logits = head(x)

    def run():
        leaf = x.clone().requires_grad_()
        part = vocab_parallel.VocabHead(head)(leaf)
        part.masked_fill(part.isinf(), 0.0).sum().backward()
        return part.detach(), leaf.grad

    expected = pieces(logits, n, -1, -math.inf)
    for rank, (got, dx) in enumerate(ranks.run(n, run)):
        checks.close(got, expected[rank], f"logits on rank {rank} of {n}", **EXACT)
        checks.close(dx, head.weight.sum(0).expand(2, 3, 4), "gradient of x", **EXACT)


def test_what_does_not_fit_is_named():
    call = lambda: vocab_parallel.cross_entropy(FOUR, torch.zeros(2).long())  # noqa: E731
    checks.raises(call, ValueError, "shapes that do not fit", r"\(3, 4\).*\(2,\)")
    call = lambda: vocab_parallel.cross_entropy(FOUR, torch.zeros(3).long(), None, "max")  # noqa: E731
    checks.raises(call, ValueError, "another reduction", "mean or sum, got 'max'")
