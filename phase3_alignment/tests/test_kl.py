"""KL estimators: exact expectations over five symbols, not samples; then the controller."""

import math

import pytest
import torch

from phase3_alignment.solution import kl
from shared import checks

POLICY = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05], dtype=torch.float64)
REFERENCE = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25], dtype=torch.float64)
KL = (POLICY * (POLICY / REFERENCE).log()).sum()
ESTIMATORS = ["k1", "k2", "k3"]


def close_pair(step=0.03):
    """Two distributions over five symbols that differ by a few percent."""
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(5, generator=g, dtype=torch.float64)
    other = logits + step * torch.randn(5, generator=g, dtype=torch.float64)
    return logits.log_softmax(-1), other.log_softmax(-1)


def average(values, logp):
    """The exact mean over samples of the policy."""
    return (logp.exp() * values).sum()


# -- values -------------------------------------------------------------------------------------


@pytest.mark.exercise("3.16")
def test_one_token_by_hand():
    """The policy gave it 1/2, the reference 1/4: r = 1/2, and log r = -ln 2."""
    logp, ref = torch.tensor([[0.5, 0.25]]).log(), torch.tensor([[0.25, 0.5]]).log()
    ln2 = math.log(2)
    checks.close(kl.k1(logp, ref), torch.tensor([[ln2, -ln2]]), "k1 at r = 1/2 and r = 2")
    checks.close(kl.k2(logp, ref), torch.full((1, 2), ln2**2 / 2), "k2 at r = 1/2 and r = 2")
    expected = torch.tensor([[ln2 - 0.5, 1 - ln2]])
    checks.close(kl.k3(logp, ref), expected, "k3 at r = 1/2 and r = 2")


@pytest.mark.exercise("3.16")
def test_arguments_stay_as_they_are():
    logp, ref = POLICY.log(), REFERENCE.log()
    kept = logp.clone(), ref.clone()
    for name in ESTIMATORS:
        found = getattr(kl, name)(logp, ref)
        checks.equal((logp, ref), kept, f"the arguments after {name}, left as they were")
        checks.equal(tuple(found.shape), (5,), f"shape of {name} of five samples")
        zero = getattr(kl, name)(logp, logp.clone())
        checks.equal(zero, torch.zeros_like(logp), f"{name} of equal log-probabilities")


@pytest.mark.exercise("3.16")
def test_means_over_all_symbols():
    logp, ref = POLICY.log(), REFERENCE.log()
    checks.close(average(kl.k1(logp, ref), logp), KL, "mean of k1: KL(policy || reference)")
    checks.close(average(kl.k3(logp, ref), logp), KL, "mean of k3: KL(policy || reference)")
    biased = (POLICY * (POLICY / REFERENCE).log() ** 2).sum() / 2
    checks.close(average(kl.k2(logp, ref), logp), biased, "mean of k2")


@pytest.mark.exercise("3.16")
def test_close_policies():
    """A KL of about 3e-4: k1 swings by a hundred times as much, k2 and k3 by as much as it is."""
    logp, ref = close_pair()
    exact = (logp.exp() * (logp - ref)).sum()
    for name, share in [("k2", 0.05), ("k3", 1e-7)]:
        mean = average(getattr(kl, name)(logp, ref), logp)
        checks.close(mean, exact, f"mean of {name} for close policies", rtol=share, atol=0.0)
    variance = {}
    for name in ESTIMATORS:
        values = getattr(kl, name)(logp, ref)
        mean = average(values, logp)
        variance[name] = average((values - mean) ** 2, logp)
    checks.at_most(variance["k3"] / variance["k1"], 0.01, "variance of k3 over that of k1")
    checks.at_most(variance["k2"] / variance["k1"], 0.01, "variance of k2 over that of k1")


@pytest.mark.exercise("3.16")
def test_never_below_zero():
    steps = torch.linspace(-3e-4, 3e-4, 2001)  # float32: the last digits of r are lost in r - 1
    logp = torch.full_like(steps, -2.0)
    for name in ("k2", "k3"):
        lowest = getattr(kl, name)(logp, logp + steps).min()
        checks.at_least(lowest, 0.0, f"the smallest {name} of 2001 tiny differences, in float32")
    log_ratio = torch.full((1,), 1e-3)
    found = kl.k3(log_ratio - log_ratio, log_ratio)
    # e^x - 1 - x = x^2 / 2 + x^3 / 6 + ...; x = 1e-3 has a rounding of 6e-11, the result is 5e-7.
    exact = torch.tensor([5.0016671e-7])
    checks.close(found, exact, "k3 at a difference of 1e-3, in float32", rtol=1e-3, atol=0.0)


@pytest.mark.exercise("3.16")
def test_far_apart():
    """Logits a hundred times as large: differences of hundreds of nats, and still numbers."""
    g = torch.Generator().manual_seed(1)
    logits = 100 * torch.randn(2, 5, generator=g, dtype=torch.float64)
    logp, ref = logits.log_softmax(-1)
    exact = (logp.exp() * (logp - ref)).sum()
    checks.close(average(kl.k1(logp, ref), logp), exact, "mean of k1, far apart")
    checks.close(average(kl.k3(logp, ref), logp), exact, "mean of k3, far apart")
    checks.law(kl.k2(logp, ref).isfinite().all(), "k2 is finite far apart", kl.k2(logp, ref))


# -- gradients ----------------------------------------------------------------------------------


def mean_gradient(estimator):
    """The exact mean, over samples of the policy, of the gradient of its logits."""
    logits = POLICY.log().requires_grad_()
    logp = logits.log_softmax(-1)
    loss = average(estimator(logp, REFERENCE.log()), logp.detach())  # samples do not move
    return torch.autograd.grad(loss, logits)[0]


def gradient_of(divergence):
    logits = POLICY.log().requires_grad_()
    return torch.autograd.grad(divergence(logits.log_softmax(-1)), logits)[0]


@pytest.mark.exercise("3.16")
def test_what_a_loss_of_them_teaches():
    log_ref = REFERENCE.log()
    true = gradient_of(lambda logp: (logp.exp() * (logp - log_ref)).sum())
    other = gradient_of(lambda logp: -(REFERENCE * logp).sum())
    logp = POLICY.log().requires_grad_()
    tracked = [getattr(kl, name)(logp, log_ref).requires_grad for name in ESTIMATORS]
    checks.equal(tracked, [True] * 3, "whether k1, k2 and k3 can be differentiated")
    checks.close(mean_gradient(kl.k1), torch.zeros(5).double(), "mean gradient of k1: none")
    checks.close(mean_gradient(kl.k2), true, "mean gradient of k2: that of the KL")
    checks.close(mean_gradient(kl.k3), other, "mean gradient of k3: that of KL(ref || policy)")


@pytest.mark.exercise("3.16")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_reference_gets_no_gradient(name):
    logp = POLICY.log().requires_grad_()
    ref = REFERENCE.log().requires_grad_()
    loss = getattr(kl, name)(logp, ref).sum()
    found = torch.autograd.grad(loss, (logp, ref), allow_unused=True)
    checks.law(found[0] is not None and found[0].abs().min() > 0, f"{name} moves the policy")
    nothing = found[1] is None or not found[1].any()
    checks.law(nothing, f"{name} leaves the reference without a gradient", found[1])


# -- the controller -----------------------------------------------------------------------------


def controller(kl_coef=0.2, target=6.0, k_beta=0.1):
    return kl.AdaptiveController(kl_coef=kl_coef, target=target, k_beta=k_beta)


@pytest.mark.exercise("3.16")
@pytest.mark.parametrize(
    ("found", "factor"), [(6.0, 1.0), (6.6, 1.01), (5.7, 0.995), (60.0, 1.02), (0.0, 0.98)]
)
def test_beta_after_one_batch(found, factor):
    """10 % above the target is an error of 0.1, which makes beta larger by a tenth of that."""
    steering = controller()
    beta = steering.update(found)
    checks.close(beta, 0.2 * factor, f"beta, 0.2 at first, after a KL of {found} for a target of 6")
    checks.close(steering.kl_coef, beta, "kl_coef after update: what update returned")


@pytest.mark.exercise("3.16")
def test_beta_after_many_batches():
    steering = controller(kl_coef=0.5, target=2.0, k_beta=0.25)
    for found in (8.0, 2.2, 0.1, 2.0):
        steering.update(found)
    expected = 0.5 * 1.05 * 1.025 * 0.95
    checks.close(steering.kl_coef, expected, "beta after four batches, with a k_beta of 0.25")
    settings = (steering.target, steering.k_beta)
    checks.equal(settings, (2.0, 0.25), "target and k_beta, which stay as they are")


# -- proofs -------------------------------------------------------------------------------------


def test_torch_has_the_same_divergence():
    distributions = torch.distributions
    expected = distributions.kl_divergence(
        distributions.Categorical(POLICY), distributions.Categorical(REFERENCE)
    )
    found = average(kl.k3(POLICY.log(), REFERENCE.log()), POLICY.log())
    checks.close(found, expected, "KL")


def test_samples_agree():
    g = torch.Generator().manual_seed(0)
    samples = torch.multinomial(POLICY, 100_000, replacement=True, generator=g)
    logp, ref = POLICY.log()[samples], REFERENCE.log()[samples]
    for name in ("k1", "k3"):
        values = getattr(kl, name)(logp, ref)
        off = abs(values.mean() - KL) / (values.std() / len(values) ** 0.5)
        checks.at_most(off, 4.0, f"standard errors by which {name} is off")


def test_the_controller_reaches_its_target():
    """A toy world in which the KL is 3 / beta: the controller must find beta = 1/2."""
    steering = controller(kl_coef=0.01, target=6.0)
    for _ in range(400):
        steering.update(3 / steering.kl_coef)
    checks.close(steering.kl_coef, 0.5, "beta", rtol=1e-6)


def test_what_is_wrong_is_named():
    for name in ESTIMATORS:
        with pytest.raises(ValueError, match="logprobs"):
            getattr(kl, name)(torch.zeros(3, 1), torch.zeros(3))
    with pytest.raises(ValueError, match="nothing to steer by"):
        controller().update(math.nan)
