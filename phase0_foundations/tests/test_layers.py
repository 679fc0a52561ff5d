import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from phase0_foundations.solution import init, layers, module
from phase0_foundations.solution.tensor import Tensor
from shared import checks

EXACT = {"rtol": 1e-10, "atol": 1e-10}


# -- dropout, graded --------------------------------------------------------------------------


def drawn(p, shape=(200, 100), seed=0, **options):
    """Draw a mask, after checking its shape."""
    mask = layers.dropout_mask(shape, p, np.random.default_rng(seed), **options)
    checks.equal(np.shape(mask), shape, "shape of the mask")
    return mask


@pytest.mark.exercise("0.15")
def test_dropout_has_two_values():
    values = np.unique(drawn(0.2, dtype=np.float64))
    checks.close(values, np.array([0.0, 1.25]), "values in a mask with p = 0.2")


@pytest.mark.exercise("0.15")
def test_dropout_decides_each_element_alone():
    mask = drawn(0.5, shape=(64, 64))
    checks.equal(len(np.unique(mask, axis=0)), 64, "different rows in a (64, 64) mask")
    checks.equal(len(np.unique(mask, axis=1)[0]), 64, "different columns in a (64, 64) mask")


@pytest.mark.exercise("0.15")
def test_dropout_drops_a_share_of_p():
    dropped = float(np.mean(drawn(0.2) == 0))  # sigma is 0.0028
    near = abs(dropped - 0.2) < 3 * 0.0028
    checks.law(near, "the share of zeros in a mask with p = 0.2 is near 0.2", round(dropped, 1))


@pytest.mark.exercise("0.15")
def test_dropout_keeps_the_mean():
    # sqrt(p / (1 - p) / n): sigma of the mean of n factors.
    for p in (0.1, 0.5, 0.9):
        sigma = np.sqrt(p / (1 - p) / 20_000)
        mean = drawn(p, dtype=np.float64).mean()
        checks.close(mean, 1.0, f"mean of a mask with p = {p}", atol=4 * sigma, rtol=0)


@pytest.mark.exercise("0.15")
def test_dropout_corners():
    checks.equal(drawn(0.0, shape=(3, 4)), np.ones((3, 4)), "a mask with p = 0")
    for dtype in ("float32", "float64"):
        mask = drawn(0.3, shape=(2, 5), dtype=np.dtype(dtype))
        checks.equal(str(mask.dtype), dtype, "dtype of the mask")
    same = (drawn(0.5, seed=1) == drawn(0.5, seed=1)).all()
    checks.law(same, "the same generator state gives the same mask")
    rng = np.random.default_rng(0)
    first, second = (layers.dropout_mask((64,), 0.5, rng) for _ in range(2))
    checks.law((first != second).any(), "the next mask of a generator is another one")


@pytest.mark.exercise("0.15")
def test_dropout_drops_by_chance():
    # 32 of 64 on average, sigma 4: twelve masks that all drop as many are one chance in 1e10.
    counts = sorted({int((drawn(0.5, shape=(8, 8), seed=s) == 0).sum()) for s in range(12)})
    checks.law(len(counts) > 1, "how many of 64 are dropped differs from mask to mask", counts)


# -- layers, against torch --------------------------------------------------------------------


def check_layer(ours, theirs, x, names):
    """Compare output, input gradient and parameter gradients of two layers with one state."""
    rng = np.random.default_rng(7)
    ours_x, theirs_x = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = ours(ours_x), theirs(theirs_x)
    checks.close(out.data, expected, "output", **EXACT)
    grad = rng.normal(size=x.shape)
    out.backward(grad)
    expected.backward(torch.tensor(grad))
    checks.close(ours_x.grad, theirs_x.grad, "gradient of x", **EXACT)
    for name in names:
        expected_grad = getattr(theirs, name).grad
        checks.close(getattr(ours, name).grad, expected_grad, f"gradient of {name}", **EXACT)


def randomise(ours, theirs, seed=0):
    """Give both layers the same random weight and bias."""
    rng = np.random.default_rng(seed)
    for name in ("weight", "bias"):
        values = rng.normal(size=getattr(ours, name).shape)
        getattr(ours, name).data[...] = values
        getattr(theirs, name).data = torch.tensor(values)


@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 6)])
def test_layer_norm_is_torchs(shape):
    ours, theirs = layers.LayerNorm(6, dtype=np.float64), torch.nn.LayerNorm(6)
    randomise(ours, theirs)
    x = np.random.default_rng(1).normal(1.0, 2.0, size=shape)
    check_layer(ours, theirs, x, ["weight", "bias"])


def test_batch_norm_is_torchs():
    ours = layers.BatchNorm1d(6, dtype=np.float64)
    theirs = torch.nn.BatchNorm1d(6, dtype=torch.float64)
    randomise(ours, theirs)
    rng = np.random.default_rng(1)
    for _ in range(3):
        ours.weight.grad = ours.bias.grad = theirs.weight.grad = theirs.bias.grad = None
        check_layer(ours, theirs, rng.normal(1.0, 2.0, size=(5, 6)), ["weight", "bias"])
    for name in ("running_mean", "running_var"):
        checks.close(getattr(ours, name), getattr(theirs, name), name, **EXACT)
    ours.eval()
    theirs.eval()
    before = ours.running_mean.copy()
    ours.weight.grad = ours.bias.grad = theirs.weight.grad = theirs.bias.grad = None
    check_layer(ours, theirs, rng.normal(size=(5, 6)), ["weight", "bias"])
    checks.equal(ours.running_mean, before, "running mean after an evaluation")
    one_row = Tensor(np.ones((1, 6)))
    checks.equal(ours(one_row).shape, (1, 6), "a single row in evaluation")
    checks.raises(lambda: ours.train()(one_row), ValueError, "a single row in training", "2 rows")


def test_linear_starts_as_declared():
    layer = layers.Linear(400, 10, np.random.default_rng(0), gain=1.0)
    expected = init.kaiming_normal((400, 10), np.random.default_rng(0), gain=1.0)
    checks.equal(layer.weight.data, expected, "weights of a new layer")
    checks.equal(layer.bias.data, np.zeros(10), "bias of a new layer")


def test_dropout_in_training_and_evaluation():
    layer = layers.Dropout(0.5, np.random.default_rng(0))
    x = Tensor(np.ones((50, 50), np.float32), requires_grad=True)
    out = layer(x)
    checks.equal(np.unique(out.data), np.array([0.0, 2.0]), "values in training")
    out.backward(np.ones((50, 50)))
    checks.equal(x.grad, out.data, "what was dropped gets no gradient")
    checks.law(layer.eval()(x) is x, "evaluation changes nothing")
    checks.law(layers.Dropout(0.0, np.random.default_rng(0))(x) is x, "p = 0 changes nothing")


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_dropout_needs_a_probability(p):
    rng = np.random.default_rng(0)
    checks.raises(lambda: layers.dropout_mask((2,), p, rng), ValueError, "p", match="p must be")


# -- modules ----------------------------------------------------------------------------------


def network(seed=0):
    rng = np.random.default_rng(seed)
    return module.Sequential(
        layers.Linear(4, 8, rng),
        layers.BatchNorm1d(8),
        layers.ReLU(),
        module.Sequential(layers.Dropout(0.5, rng), layers.LayerNorm(8)),
        layers.Linear(8, 3, rng, gain=1.0),
    )


def test_names_are_torchs():
    theirs = torch.nn.Sequential(
        torch.nn.Linear(4, 8),
        torch.nn.BatchNorm1d(8),
        torch.nn.ReLU(),
        torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.LayerNorm(8)),
        torch.nn.Linear(8, 3),
    )
    names = [name for name, _ in network().named_parameters()]
    checks.equal(names, [name for name, _ in theirs.named_parameters()], "names of the parameters")
    expected = {name for name in theirs.state_dict() if not name.endswith("num_batches_tracked")}
    checks.equal(set(network().state_dict()), expected, "names in the state")


def test_mode_reaches_every_layer():
    net = network()
    nested = net.layers[3].layers[0]
    checks.law(net.eval() is net and not nested.training, "eval() reaches nested layers")
    checks.law(net.train() is net and nested.training, "train() reaches nested layers")


def test_state_survives_safetensors():
    one, other = network(seed=0), network(seed=1)
    one(Tensor(np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)))  # moves buffers
    parameters = other.parameters()
    other.load_state_dict(load(save(one.state_dict())))
    for name, array in other.state_dict().items():
        checks.equal(array, one.state_dict()[name], f"{name} after save and load")
    same = all(a is b for a, b in zip(parameters, other.parameters()))
    checks.law(same, "the parameters stay the objects that an optimiser holds")


def test_state_dict_is_a_copy():
    net = network()
    state = net.state_dict()
    state["0.bias"] += 1
    checks.equal(net.layers[0].bias.data, np.zeros(8), "bias after its saved copy was changed")


def test_wrong_states_are_refused():
    net = network()
    state = net.state_dict()
    missing = {name: array for name, array in state.items() if name != "0.bias"}
    checks.raises(lambda: net.load_state_dict(missing), ValueError, "a missing name", "0.bias")
    unknown = state | {"9.bias": np.zeros(1)}
    checks.raises(lambda: net.load_state_dict(unknown), ValueError, "an unknown name", "9.bias")
    narrow = state | {"0.bias": np.zeros(3)}
    checks.raises(lambda: net.load_state_dict(narrow), ValueError, "another shape", "0.bias")
