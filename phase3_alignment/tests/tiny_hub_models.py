"""Tiny, randomly drawn models of Hugging Face families; no network is needed."""

import torch
import transformers
from torch import nn

V = 61
WIDE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4}
GROUPS = HEADS | {"num_key_value_heads": 2}

CONFIGS = {
    "GPT2": {"n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2},
    "DistilBert": {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
    "Bert": WIDE | HEADS,
    "Llama": WIDE | GROUPS,
    "Qwen3": WIDE | GROUPS | {"head_dim": 8},
}
HEADINGS = {"GPT2": "LMHeadModel", "Llama": "ForCausalLM", "Qwen3": "ForCausalLM"}


def tiny(family: str, seed: int = 0) -> nn.Module:
    """A model of a few thousand parameters in float64, without dropout; causal, or a classifier."""
    config = getattr(transformers, f"{family}Config")(
        vocab_size=V, pad_token_id=0, bos_token_id=1, eos_token_id=2, **CONFIGS[family]
    )
    kind = HEADINGS.get(family, "ForSequenceClassification")
    torch.manual_seed(seed)
    return getattr(transformers, f"{family}{kind}")(config).double().eval()


def tokens(B: int = 3, T: int = 7, seed: int = 1) -> torch.Tensor:
    """Token ids (B, T), one of them padding."""
    ids = torch.randint(1, V, (B, T), generator=torch.Generator().manual_seed(seed))
    ids[0, -1] = 0
    return ids
