import math

import numpy as np
import pytest
import torch

from phase0_foundations.solution import init
from shared import checks

SHAPE = (400, 100)  # not square: fan_in and fan_out must not be mixed up


def sampled(recipe, **options):
    """Draw weights, after checking that they are a (400, 100) float array."""
    weights = recipe(SHAPE, np.random.default_rng(0), **options)
    checks.equal(np.shape(weights), SHAPE, "shape of the weights")
    return weights


def check_ratio(actual, expected, rtol, name):
    """Compare a statistic with its law; record it coarsely, whatever the order of the draws."""
    ratio = float(actual / expected)
    coarse = 2 ** (round(4 * math.log2(max(ratio, 1e-6))) / 4)
    checks.law(abs(ratio - 1) < rtol, name, actual=f"about {coarse:.2g} times the right value")


# The standard deviation of n normal samples has a relative error of 1 / sqrt(2 n): three sigma.
STD_RTOL = 3 / math.sqrt(2 * SHAPE[0] * SHAPE[1])


@pytest.mark.exercise("0.14")
def test_kaiming_std():
    weights = sampled(init.kaiming_normal, gain=1.0)
    check_ratio(np.std(weights), 1 / 20, STD_RTOL, "std of kaiming_normal, fan_in 400, gain 1")


@pytest.mark.exercise("0.14")
def test_kaiming_gain():
    weights = sampled(init.kaiming_normal)
    expected = math.sqrt(2) / 20
    check_ratio(np.std(weights), expected, STD_RTOL, "std of kaiming_normal, fan_in 400, relu gain")


@pytest.mark.exercise("0.14")
def test_kaiming_is_normal_around_zero():
    weights = sampled(init.kaiming_normal, gain=1.0)
    checks.at_most(abs(np.mean(weights)), 3 / 20 / 200, "mean of kaiming_normal, off zero")
    # 4.55 % of a normal distribution lie beyond two sigma, none of a uniform one; the share's own
    # sigma is 0.10 % here.
    beyond = np.mean(np.abs(weights) > 2 / 20)
    checks.close(beyond, 0.0455, "share of kaiming_normal beyond two std", rtol=0, atol=0.0031)


def mean_square_after_20_layers(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 512))
    for _ in range(20):
        x = np.maximum(x @ init.kaiming_normal((512, 512), rng, dtype=np.float64), 0)
    return np.mean(x * x)


@pytest.mark.exercise("0.14")
def test_twenty_relu_layers_keep_the_mean_square():
    # Width 512 makes its logarithm fluctuate by 0.44 from draw to draw: 5 is more than three sigma.
    mean_square = mean_square_after_20_layers(seed=0)
    checks.at_least(mean_square, 1 / 5, "mean square after 20 relu layers")
    checks.at_most(mean_square, 5, "mean square after 20 relu layers")


def test_twenty_relu_layers_on_average():
    mean_square = np.mean([mean_square_after_20_layers(seed) for seed in range(5)])
    checks.at_least(mean_square, 0.5, "mean square after 20 relu layers")
    checks.at_most(mean_square, 2.0, "mean square after 20 relu layers")


@pytest.mark.exercise("0.14")
def test_xavier_stays_inside_its_bound():
    weights = sampled(init.xavier_uniform)
    bound = math.sqrt(6 / 500)
    check_ratio(np.max(weights), bound, 0.01, "largest weight of xavier_uniform, fans 400, 100")
    check_ratio(np.min(weights), -bound, 0.01, "smallest weight of xavier_uniform, fans 400, 100")


@pytest.mark.exercise("0.14")
def test_xavier_std():
    weights = sampled(init.xavier_uniform, gain=2.0)
    expected = 2 * math.sqrt(2 / 500)
    check_ratio(np.std(weights), expected, STD_RTOL, "std of xavier_uniform, gain 2")


@pytest.mark.exercise("0.14")
@pytest.mark.parametrize("recipe", ["kaiming_normal", "xavier_uniform"])
def test_dtype_and_randomness(recipe):
    draw = getattr(init, recipe)
    for dtype in (np.float32, np.float64):
        weights = draw((3, 4), np.random.default_rng(0), dtype=dtype)
        checks.equal(str(weights.dtype), np.dtype(dtype).name, f"dtype of {recipe}")
    rng = np.random.default_rng(0)
    first, second = draw((3, 4), rng), draw((3, 4), rng)
    checks.law((first != second).any(), f"two draws of {recipe} from one generator differ")
    again = draw((3, 4), np.random.default_rng(0))
    checks.equal(again, first, f"{recipe} from the same seed")


@pytest.mark.parametrize("shape", [(0, 3), (3,), (2, 3, 4)])
@pytest.mark.parametrize("recipe", ["kaiming_normal", "xavier_uniform"])
def test_shape_is_checked(recipe, shape):
    draw = getattr(init, recipe)
    rng = np.random.default_rng(0)
    checks.raises(lambda: draw(shape, rng), ValueError, "a shape that is no matrix", match="fan_in")


@pytest.mark.parametrize("name", ["linear", "relu", "tanh"])
def test_gains_are_torchs(name):
    checks.close(init.GAINS[name], torch.nn.init.calculate_gain(name), f"gain of {name}")


def test_statistics_are_torchs():
    """Torch stores weights as (fan_out, fan_in)."""
    torch.manual_seed(0)
    theirs = torch.empty(SHAPE[::-1])
    torch.nn.init.kaiming_normal_(theirs, nonlinearity="relu")
    ours = sampled(init.kaiming_normal)
    checks.close(np.std(ours), theirs.std().item(), "std of kaiming_normal", rtol=2 * STD_RTOL)
    torch.nn.init.xavier_uniform_(theirs)
    ours = sampled(init.xavier_uniform)
    checks.close(np.std(ours), theirs.std().item(), "std of xavier_uniform", rtol=2 * STD_RTOL)
