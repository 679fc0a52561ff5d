"""Cross-entropy in pieces: by hand, PyTorch's own on all logits, and the bytes that are alive."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from phase2_scaling.solution import chunked_loss, tracker
from phase2_scaling.solution.model import GPT, IGNORED, GPTConfig
from shared import checks

# Sums of some dozens of terms of size 1, in another order.
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def make(shape=(2, 5), C=4, V=9, dtype=torch.float64, seed=0):
    g = torch.Generator().manual_seed(seed)
    hidden = torch.randn(*shape, C, generator=g, dtype=dtype, requires_grad=True)
    weight = torch.randn(V, C, generator=g, dtype=dtype, requires_grad=True)
    return hidden, weight, torch.randint(V, shape, generator=g)


def plain(hidden, weight, targets, reduction="mean"):
    """The loss of all logits at once."""
    logits = (hidden @ weight.T).flatten(0, -2)
    return F.cross_entropy(logits, targets.flatten(), ignore_index=IGNORED, reduction=reduction)


def compare(hidden, weight, targets, chunk, name, reduction="mean"):
    expected = plain(hidden, weight, targets, reduction)
    wanted = torch.autograd.grad(expected, (hidden, weight))
    loss = chunked_loss.chunked_cross_entropy(hidden, weight, targets, chunk, reduction)
    checks.close(loss, expected, f"loss of {name}", **EXACT)
    found = torch.autograd.grad(loss, (hidden, weight), allow_unused=True)
    checks.close(found[0], wanted[0], f"gradient of hidden, {name}", **EXACT)
    checks.close(found[1], wanted[1], f"gradient of weight, {name}", **EXACT)


@pytest.mark.exercise("2.8")
def test_two_rows_by_hand():
    """With the weights log 2, log 1, log 1 a hidden 1 gives the probabilities 1/2, 1/4, 1/4."""
    hidden = torch.tensor([[1.0], [1.0]], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([[2.0], [1.0], [1.0]], dtype=torch.float64).log().requires_grad_()
    targets = torch.tensor([0, 1])
    given = [t.detach().clone() for t in (hidden, weight, targets)]
    loss = chunked_loss.chunked_cross_entropy(hidden, weight, targets, chunk=1)
    checks.close(loss, (math.log(2) + math.log(4)) / 2, "loss of two rows, in chunks of 1")
    for name, one, other in zip(["hidden", "weight", "targets"], (hidden, weight, targets), given):
        checks.equal(one.detach(), other, f"{name} after chunked_cross_entropy, left as it was")
    checks.law(loss.requires_grad, "the loss takes part in the backward pass")
    loss.backward()
    # softmax - onehot: (-1/2, 1/4, 1/4) and (1/2, -3/4, 1/4); their mean, since each x is 1.
    expected = torch.tensor([[0.0], [-0.25], [0.25]], dtype=torch.float64)
    checks.close(weight.grad, expected, "gradient of the weight for two rows, in chunks of 1")
    expected = torch.tensor([[-0.25], [0.25]], dtype=torch.float64) * math.log(2)
    checks.close(hidden.grad, expected, "gradient of hidden for two rows, in chunks of 1")


@pytest.mark.exercise("2.8")
@pytest.mark.parametrize("chunk", [1, 2, 5, 10, 99])
def test_chunks_that_divide_the_rows(chunk):
    compare(*make(), chunk, f"10 rows in chunks of {chunk}")


@pytest.mark.exercise("2.8")
@pytest.mark.parametrize("chunk", [3, 4, 7])
def test_chunks_that_do_not_divide_the_rows(chunk):
    compare(*make(), chunk, f"10 rows in chunks of {chunk}")


@pytest.mark.exercise("2.8")
def test_ignored_targets_add_nothing():
    hidden, weight, targets = make((3, 4))
    targets[0, 1], targets[1, 1:], targets[2, 3] = IGNORED, IGNORED, IGNORED
    compare(hidden, weight, targets, 12, "12 rows in one chunk, 5 of them ignored")
    # The second chunk of three has two targets, the third of two rows none at all.
    compare(hidden, weight, targets, 2, "12 rows in chunks of 2, one of which has no target")
    compare(hidden, weight, targets, 5, "12 rows in chunks of 5 with 3, 2 and 2 targets")
    loss = chunked_loss.chunked_cross_entropy(hidden, weight, targets, 5)
    (gradient,) = torch.autograd.grad(loss, hidden)
    out = gradient[targets == IGNORED]
    checks.equal(out, torch.zeros_like(out), "gradient of the rows whose target is ignored")


@pytest.mark.exercise("2.8")
def test_nothing_to_predict_is_a_loss_of_zero():
    hidden, weight, targets = make()
    nothing = torch.full_like(targets, IGNORED)
    loss = chunked_loss.chunked_cross_entropy(hidden, weight, nothing, 4)
    checks.equal(loss.detach(), torch.zeros((), dtype=torch.float64), "loss if no target counts")
    found = torch.autograd.grad(loss, (hidden, weight))
    expected = [torch.zeros_like(hidden), torch.zeros_like(weight)]
    checks.equal([t.detach() for t in found], expected, "gradients if no target counts")


@pytest.mark.exercise("2.8")
def test_what_comes_from_above_is_multiplied():
    """The loss is a part of a larger one, as in accumulation: divided, squared, added to others."""
    hidden, weight, targets = make()
    expected = torch.autograd.grad((plain(hidden, weight, targets) / 8).square(), (hidden, weight))
    loss = chunked_loss.chunked_cross_entropy(hidden, weight, targets, 4)
    found = torch.autograd.grad((loss / 8).square(), (hidden, weight), retain_graph=True)
    checks.close(found, expected, "gradients of the square of an eighth of the loss", **EXACT)
    again = torch.autograd.grad((loss / 8).square(), (hidden, weight))
    checks.close(again, expected, "the same gradients, asked for once more", **EXACT)


@pytest.mark.exercise("2.8")
def test_the_sum_in_place_of_the_mean():
    hidden, weight, targets = make()
    targets[0, 2:] = IGNORED
    compare(hidden, weight, targets, 4, "10 rows, 7 of which count, summed", "sum")


@pytest.mark.exercise("2.8")
def test_logits_of_any_size_stay_finite():
    hidden, weight, targets = make(dtype=torch.float32)
    hidden, weight = (1e3 * t.detach() for t in (hidden, weight))
    loss = chunked_loss.chunked_cross_entropy(hidden, weight, targets, 4)
    # Logits of 1e6 have steps of 0.06 in float32; compared is what one must not lose: all of it.
    checks.close(loss, plain(hidden, weight, targets), "loss of logits of a million", rtol=1e-4)


@pytest.mark.exercise("2.8")
def test_the_table_of_all_logits_never_exists():
    N, C, V = 96, 4, 640
    hidden, weight, targets = make((N,), C, V, dtype=torch.float32)
    with tracker.MemoryTracker() as memory:
        loss = chunked_loss.chunked_cross_entropy(hidden, weight, targets, 3)
        alive = memory.live
        loss.backward()
    table = N * V * 4
    bytes_alive = [0, *(live for _, live in memory.timeline)]
    largest = max(after - before for before, after in itertools.pairwise(bytes_alive))
    checks.law(largest < table / 2, "no tensor is as large as the table of all logits, or half")
    # For the backward pass there is a gradient for each argument, and next to nothing else.
    kept = 2 * (hidden.nbytes + weight.nbytes)
    checks.law(alive < kept + table / 4, "the chunks do not stay alive until the backward pass")
    checks.law(memory.peak < table / 3, "the peak is below a third of the table of all logits")


@pytest.mark.exercise("2.8")
def test_softmax_and_sums_are_wide():
    """In bfloat16 a sum of 300 losses of 5 goes in steps of 8 from 1024 on."""
    hidden, weight, targets = make((300,), C=4, V=200, dtype=torch.bfloat16)
    loss = chunked_loss.chunked_cross_entropy(hidden * 0, weight, targets, 10)
    checks.equal(str(loss.dtype), "torch.float32", "dtype of the loss of bfloat16 arguments")
    # Torch's default for float32: nothing here has been rounded to fewer bits.
    checks.close(loss, math.log(200), "loss of equal scores, V = 200, in bfloat16", rtol=1e-6)
    loss = chunked_loss.chunked_cross_entropy(hidden, weight, targets, 1)
    found = torch.autograd.grad(loss, (hidden, weight))
    dtypes = [str(t.dtype) for t in found]
    checks.equal(dtypes, ["torch.bfloat16"] * 2, "dtypes of the gradients of bfloat16 arguments")
    exact = [t.detach().double().requires_grad_() for t in (hidden, weight)]
    wanted = torch.autograd.grad(plain(*exact, targets), exact)
    for name, one, other in zip(["hidden", "weight"], found, wanted):
        error = (one - other).norm() / other.norm()
        # One rounding to 8 bits is 2^-9; there are three on the way: logits, their gradient, this.
        what = f"gradient of {name} in bfloat16, of 300 chunks: three roundings off at most"
        checks.law(error <= 3 * 2**-8, what)


# -- proofs -----------------------------------------------------------------------------------


def test_gradients_are_those_of_differences():
    """Central differences of the float64 loss, by PyTorch's gradcheck."""
    hidden, weight, targets = make((7,), C=3, V=5)
    targets[2] = IGNORED
    loss = lambda h, w: chunked_loss.chunked_cross_entropy(h, w, targets, 3)  # noqa: E731
    torch.autograd.gradcheck(loss, (hidden, weight))


@pytest.mark.parametrize("tied", [True, False])
def test_a_gpt_learns_the_same(tied):
    config = GPTConfig(vocab_size=31, block_size=8, n_layer=1, n_head=2, n_embd=8, tied=tied)
    model = GPT(config).double()
    idx, targets = torch.randint(31, (2, 3, 8))
    parameters = list(model.parameters())
    expected = torch.autograd.grad(model(idx, targets)[1], parameters)
    loss = chunked_loss.chunked_cross_entropy(model.hidden(idx), model.head.weight, targets, 5)
    checks.close(torch.autograd.grad(loss, parameters), expected, "gradients of a GPT", **EXACT)


def test_no_gradients_are_made_where_nobody_goes_backward():
    hidden, weight, targets = make()
    with torch.no_grad(), FlopCounterMode(display=False) as operations:
        chunked_loss.chunked_cross_entropy(hidden, weight, targets, 3)
    N, (V, C) = targets.numel(), weight.shape
    checks.equal(operations.get_total_flops(), 2 * N * V * C, "operations without gradients")


def test_what_does_not_fit_is_named():
    hidden, weight, targets = make()
    with pytest.raises(ValueError, match="do not fit"):
        chunked_loss.chunked_cross_entropy(hidden, weight, targets.T, 4)
    with pytest.raises(ValueError, match="do not fit"):
        chunked_loss.chunked_cross_entropy(hidden, weight.T, targets, 4)
    with pytest.raises(ValueError, match="positive, got 0"):
        chunked_loss.chunked_cross_entropy(hidden, weight, targets, 0)
    with pytest.raises(ValueError, match="got 'none'"):
        chunked_loss.chunked_cross_entropy(hidden, weight, targets, 4, "none")
