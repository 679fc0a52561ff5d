"""Column and row layers against the whole layer, by hand, and by what travels.

torch's DTensor is the oracle of `test_tensor_model.py`.
"""

import copy

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from phase2_scaling.solution import tensor_parallel
from phase2_scaling.tests.pairs import in_pairs
from phase2_scaling.tests.traffic import watch_collectives
from shared import checks, ranks

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def make_linear(n_in, n_out, bias=True, seed=0):
    layer = nn.Linear(n_in, n_out, bias, dtype=torch.float64)
    for i, p in enumerate(layer.parameters()):
        p.data.copy_(normal(*p.shape, seed=seed + i))
    return layer


def backward(y, gradient, name):
    """Send a gradient into y, which must be able to take it.

    By way of a scalar: `y.backward(gradient)` would import for half a second on every rank.
    """
    checks.law(getattr(y, "requires_grad", False), f"{name} depends on its input", y)
    checks.equal(tuple(y.shape), tuple(gradient.shape), f"shape of {name}")
    (y * gradient).sum().backward()


# -- f and g ----------------------------------------------------------------------------------


def through(name, x, gradients, group=None):
    """Send x through a function and a gradient back; x and the gradient may depend on the rank."""
    rank = dist.get_rank(group)
    x, beside = (x[rank].clone().requires_grad_() for _ in range(2))
    scaled, calls = 1.0 * beside, watch_collectives()
    y = getattr(tensor_parallel, name)(x, group)
    n_forward = len(calls)
    checks.equal(tuple(getattr(y, "shape", ())), tuple(x.shape), f"shape of {name}(x)")
    # A sum hands one and the same gradient to both of its terms.
    backward(y + scaled, gradients[rank], f"{name}(x)")
    return {
        "y": y.detach(),
        "dx": x.grad,
        "x after": x.detach(),
        "beside": beside.grad,
        "collectives": (n_forward, len(calls) - n_forward),
    }


SAME = torch.tensor([[1.0, 2.0]] * 4)
OWN = torch.tensor([[1.0, 20.0], [3.0, 40.0], [5.0, 60.0], [7.0, 80.0]])


@pytest.mark.exercise("2.20")
def test_f_by_hand():
    for rank, got in enumerate(ranks.run(2, through, "f", SAME, OWN)):
        where = f"on rank {rank} of 2"
        checks.close(got["y"], SAME[0], f"f(x) of x = [1, 2] {where}")
        told = f"gradient of x after [1, 20] on rank 0 and [3, 40] on rank 1, {where}"
        checks.close(got["dx"], torch.tensor([4.0, 60.0]), told)
        checks.equal(got["beside"], OWN[rank], f"gradient of z in f(x) + z {where}")
        checks.equal(got["collectives"], (0, 1), "collectives of f, forward and backward")


@pytest.mark.exercise("2.20")
def test_g_by_hand():
    for rank, got in enumerate(ranks.run(2, through, "g", OWN, SAME)):
        where = f"on rank {rank} of 2"
        total = torch.tensor([4.0, 60.0])
        checks.close(got["y"], total, f"g(x) of [1, 20] on rank 0, [3, 40] on rank 1, {where}")
        checks.equal(got["x after"], OWN[rank], f"x after g, {where}")
        checks.close(got["dx"], SAME[0], f"gradient of x from [1, 2] for the sum, {where}")
        checks.equal(got["collectives"], (1, 0), "collectives of g, forward and backward")


def through_each(pair, group):
    """Send other numbers through f and g in each pair."""
    x = 10.0**pair
    return through("f", x * SAME, x * OWN, group), through("g", x * OWN, x * SAME, group)


@pytest.mark.exercise("2.20")
def test_f_and_g_keep_to_their_group():
    total = torch.tensor([4.0, 60.0])
    for pair, results in enumerate(in_pairs(through_each)):
        for rank, (of_f, of_g) in enumerate(results):
            where = f"on rank {rank} of group {pair}, which is 2 of 4 ranks"
            checks.close(of_f["y"], 10**pair * SAME[0], f"f(x) {where}")
            checks.close(of_f["dx"], 10**pair * total, f"gradient of f {where}")
            checks.close(of_g["y"], 10**pair * total, f"g(x) {where}")
            checks.close(of_g["dx"], 10**pair * SAME[0], f"gradient of g {where}")


def through_both():
    """Send transposed tensors there and back, so that no memory is in order."""
    x = normal(2, 3, 4).transpose(0, 2).requires_grad_()
    mine = dist.get_rank() + 1
    y = tensor_parallel.g(mine * tensor_parallel.f(x, None).transpose(0, 1), None)
    backward(y, normal(4, 2, 3, seed=1).transpose(1, 2).transpose(0, 1), "g(rank * f(x))")
    return y.detach(), x.grad


@pytest.mark.exercise("2.20")
def test_there_and_back_for_transposed_tensors():
    x = normal(2, 3, 4).transpose(0, 2)
    gradient = normal(4, 2, 3, seed=1).transpose(1, 2).transpose(0, 1)
    for rank, (y, dx) in enumerate(ranks.run(3, through_both)):
        checks.close(y, 6 * x.transpose(0, 1), f"the sum of 1, 2, 3 times x on rank {rank}")
        checks.close(dx, 6 * gradient.transpose(0, 1), f"the gradient of x on rank {rank}")


# -- layers -----------------------------------------------------------------------------------


def dense(layer, x, seed=7):
    """Run the whole layer: what it returns, and the gradients of x and of its parameters."""
    layer, x = copy.deepcopy(layer), x.clone().requires_grad_()
    y = layer(x)
    backward(y, normal(*y.shape, seed=seed), "the whole layer")
    return {"y": y.detach(), "x": x.grad, **{name: p.grad for name, p in layer.named_parameters()}}


def share(tensor, dim, n, rank):
    return tensor.chunk(n, dim)[rank]


def run_column(layer, x, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    gradient = normal(*x.shape[:-1], layer.out_features, seed=7)
    part, x = tensor_parallel.ColumnLinear(layer, group), x.clone().requires_grad_()
    y = part(x)
    backward(y, share(gradient, -1, n, rank), "ColumnLinear(x)")
    return {"y": y.detach(), "x": x.grad, **{k: p.grad for k, p in part.named_parameters()}}


def run_row(layer, x, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    part, x = (
        tensor_parallel.RowLinear(layer, group),
        share(x, -1, n, rank).clone().requires_grad_(),
    )
    y = part(x)
    backward(y, normal(*x.shape[:-1], layer.out_features, seed=7), "RowLinear(x)")
    return {"y": y.detach(), "x": x.grad, **{k: p.grad for k, p in part.named_parameters()}}


CUT_BY_COLUMNS = {"y": -1, "x": None, "weight": 0, "bias": 0}
CUT_BY_ROWS = {"y": None, "x": -1, "weight": 1, "bias": None}


def compare(results, whole, cuts, name):
    """Compare each rank's results with its share of the whole layer's, None for all of it."""
    n = len(results)
    for key, expected in whole.items():
        told = "result" if key == "y" else f"gradient of {key}"
        for rank, got in enumerate(results):
            want = expected if cuts[key] is None else share(expected, cuts[key], n, rank)
            checks.close(got.get(key), want, f"{name}: {told} on rank {rank} of {n}", **EXACT)


@pytest.mark.exercise("2.20")
def test_column_layer_by_hand():
    layer = make_linear(2, 2)
    layer.weight.data = torch.tensor([[1.0, 2.0], [10.0, 20.0]])
    layer.bias.data = torch.tensor([0.5, 5.0])
    results = ranks.run(2, lambda: tensor_parallel.ColumnLinear(layer)(torch.tensor([[1.0, 1.0]])))
    for rank, (y, expected) in enumerate(zip(results, ([[3.5]], [[35.0]]), strict=True)):
        checks.close(
            y, torch.tensor(expected), f"output {rank} of x = [1, 1], which rank {rank} makes"
        )


@pytest.mark.exercise("2.20")
def test_row_layer_by_hand():
    layer = make_linear(2, 2)
    layer.weight.data = torch.tensor([[1.0, 2.0], [10.0, 20.0]])
    layer.bias.data = torch.tensor([0.5, 5.0])

    def go():
        return tensor_parallel.RowLinear(layer)(torch.ones(1, 1))

    for rank, y in enumerate(ranks.run(2, go)):
        told = f"both outputs of x = [1, 1], of which each rank has one number, on rank {rank}"
        checks.close(y, torch.tensor([[3.5, 35.0]]), told)


@pytest.mark.exercise("2.20")
def test_column_layer_is_a_share_of_the_whole():
    layer, x = make_linear(5, 12), normal(2, 3, 5, seed=4)
    compare(ranks.run(3, run_column, layer, x), dense(layer, x), CUT_BY_COLUMNS, "ColumnLinear")


@pytest.mark.exercise("2.20")
def test_row_layer_is_the_whole():
    layer, x = make_linear(12, 5), normal(2, 3, 12, seed=4)
    compare(ranks.run(3, run_row, layer, x), dense(layer, x), CUT_BY_ROWS, "RowLinear")


@pytest.mark.exercise("2.20")
def test_layers_without_a_bias_in_two_groups_of_two():
    column, row, x = make_linear(4, 6, bias=False), make_linear(6, 3, bias=False), normal(2, 6)

    def run(pair, group):
        return run_column(column, x[..., :4], group), run_row(row, x, group)

    for pair, results in enumerate(in_pairs(run)):
        columns, rows = zip(*results, strict=True)
        name = f"without a bias, in group {pair} of 2 ranks each"
        compare(columns, dense(column, x[..., :4]), CUT_BY_COLUMNS, f"ColumnLinear {name}")
        compare(rows, dense(row, x), CUT_BY_ROWS, f"RowLinear {name}")


# -- pairs of layers --------------------------------------------------------------------------

LAYERS = [(make_linear(6, 12, seed=2 * i), make_linear(12, 6, seed=10 + 2 * i)) for i in range(2)]


def stack(pairs, x):
    """Two MLPs, each of which adds to the stream."""
    for up, down in pairs:
        x = x + down(F.gelu(up(x)))
    return x


def run_stack(x):
    pairs = [
        (tensor_parallel.ColumnLinear(up), tensor_parallel.RowLinear(down)) for up, down in LAYERS
    ]
    x, calls = x.clone().requires_grad_(), watch_collectives()
    y = stack(pairs, x)
    n_forward = len(calls)
    backward(y, normal(*x.shape, seed=7), "two MLPs")
    biases = [down.bias.grad for _, down in pairs]
    return y.detach(), x.grad, biases, calls[:n_forward], calls[n_forward:]


@pytest.mark.exercise("2.20")
def test_two_mlps_send_one_tensor_each_way_apiece():
    x = normal(2, 3, 6, seed=4)
    whole = x.clone().requires_grad_()
    pairs = copy.deepcopy(LAYERS)
    y = stack(pairs, whole)
    backward(y, normal(*x.shape, seed=7), "two whole MLPs")
    for rank, (got, dx, biases, there, back) in enumerate(ranks.run(4, run_stack, x)):
        where = f"on rank {rank} of 4"
        checks.close(got, y, f"two MLPs {where}", **EXACT)
        checks.close(dx, whole.grad, f"gradient that leaves two MLPs {where}", **EXACT)
        expected = [down.bias.grad for _, down in pairs]
        checks.close(biases, expected, f"gradients of the biases that are whole, {where}", **EXACT)
        expected = [("allreduce", x.numel())] * 2
        checks.equal(there, expected, f"what two MLPs send forward {where}")
        checks.equal(back, expected, f"what two MLPs send backward {where}")


# -- the solution alone -----------------------------------------------------------------------


def test_shares_are_copies_that_hold_nothing_else():
    layer = make_linear(4, 8)

    def sizes():
        parts = tensor_parallel.ColumnLinear(layer), tensor_parallel.RowLinear(layer)
        return [p.untyped_storage().nbytes() // 8 for part in parts for p in part.parameters()]

    checks.equal(ranks.run(2, sizes), [[16, 4, 16, 8]] * 2, "numbers held")


def test_unequal_shares_are_an_error():
    def cut():
        return tensor_parallel.ColumnLinear(make_linear(4, 8))

    call = lambda: ranks.run(3, cut)  # noqa: E731
    checks.raises(call, ValueError, "8 outputs for 3 ranks", "8 cannot be cut into 3 equal shares")
