"""GPTs that several ranks share, put together again and compared with the one that is whole."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.model import GPT, IGNORED, GPTConfig
from shared import checks

EXACT = {"rtol": 1e-10, "atol": 1e-10}
CONFIG = GPTConfig(vocab_size=13, block_size=12, n_layer=2, n_head=12, n_embd=24)
LR = 0.5


def make_model(config=CONFIG, seed=0):
    """Make a float64 GPT whose biases and gains are random too."""
    generator = torch.Generator().manual_seed(seed)
    model = GPT(config, generator).double()
    for p in model.parameters():
        p.data += 0.1 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return model


def make_batches(T=12, n_steps=3, V=CONFIG.vocab_size, seed=5):
    """Draw (idx, targets), some of which do not count: more in the first half."""
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(n_steps):
        idx, targets = torch.randint(V, (2, 3, T), generator=generator)
        targets[0, : T // 2] = IGNORED
        batches.append((idx, targets))
    return batches


def train(model, loss_function, batches, seed=None):
    """Take a step of plain descent for each batch: return the losses, and the last gradients."""
    if seed is not None:
        torch.manual_seed(seed)
    losses = []
    for idx, targets in batches:
        model.zero_grad()
        loss = loss_function(model, idx, targets)
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p -= LR * p.grad
    return losses, {name: p.grad for name, p in model.named_parameters()}


def whole_loss(model, idx, targets):
    return model(idx, targets)[1]


def different_model(config):
    """Make a model on this rank that is unlike the others'; the first rank's is `make_model`'s."""
    return make_model(config, seed=dist.get_rank())


def compare(results, expected, name):
    """Compare what `train` returned on each rank with what it returns of the whole."""
    n, (losses, gradients) = len(results), expected
    for rank, (got, _) in enumerate(results):
        checks.close(got, losses, f"losses of {name} on rank {rank} of {n}", **EXACT)
    for key, gradient in gradients.items():
        together = _joined([got[key] for _, got in results], gradient.shape)
        checks.close(together, gradient, f"gradient of {key}, {name}, {n} ranks", **EXACT)


def _joined(shares, shape):
    """Join the ranks' shares along the axis that is cut; what is not cut must be equal."""
    cut = [axis for axis, size in enumerate(shape) if shares[0].shape[axis] != size]
    if not cut:
        assert all(torch.equal(share, shares[0]) for share in shares)
        return shares[0]
    joined = torch.cat(shares, cut[0])
    padding = joined.narrow(cut[0], shape[cut[0]], joined.shape[cut[0]] - shape[cut[0]])
    assert not padding.any()
    return joined.narrow(cut[0], 0, shape[cut[0]])
