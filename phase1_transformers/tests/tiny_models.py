"""Models small enough for a test, with opinions strong enough to tell right from wrong."""

import torch

from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.gpt import GPT

BLOCK_SIZE = 12
CONFIGS = {
    "gpt2": gpt2(vocab_size=31, block_size=BLOCK_SIZE, n_layer=2, n_head=2, n_embd=16),
    "modern": modern(
        vocab_size=31, block_size=BLOCK_SIZE, n_layer=2, n_head=4, n_embd=16, n_kv_head=2
    ),
}


def tiny_model(kind="gpt2", seed=0):
    """Build a float64 model whose logits spread over several nats, unlike a fresh one's."""
    model = GPT(CONFIGS[kind], generator=torch.Generator().manual_seed(seed)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(20)
    return model


def random_ids(B, T, seed=0, vocab_size=31):
    return torch.randint(vocab_size, (B, T), generator=torch.Generator().manual_seed(seed))
