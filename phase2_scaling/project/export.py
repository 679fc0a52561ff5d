"""A trained model as a folder that Hugging Face opens: our GPT is GPT-2, under other names.

    GPT2LMHeadModel.from_pretrained("runs/phase2/tiny/hf")

Its tokens are bytes; a text is `list(text.encode())`. Written by hand, so that no training run has
to import transformers.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from phase2_scaling.solution.model import GPTConfig
from shared.files import write_bytes, write_text

NAMES = (  # ours, theirs
    ("attention_norm.", "ln_1."),
    ("attention.proj.", "attn.c_proj."),
    ("mlp_norm.", "ln_2."),
    ("mlp.up.", "mlp.c_fc."),
    ("mlp.down.", "mlp.c_proj."),
)


def export(weights: dict[str, Tensor], config: GPTConfig, folder: Path) -> Path:
    """Write model.safetensors and config.json; return the folder.

    Args:
        weights: a GPT's state dict, whole.
        config: its shape.
        folder: is made.
    """
    described = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": config.vocab_size,
        "n_positions": config.block_size,
        "n_embd": config.n_embd,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "activation_function": "gelu_new",
        "tie_word_embeddings": config.tied,
        "bos_token_id": None,
        "eos_token_id": None,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), config.dropout),
    }
    tensors = rename(weights, config)
    write_bytes(folder / "model.safetensors", save(tensors, metadata={"format": "pt"}))
    write_text(folder / "config.json", json.dumps(described, indent=2))
    return folder


def rename(weights: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """Give every weight GPT-2's name and layout: matrices the other way, q, k and v in one."""
    found = {
        "transformer.wte.weight": weights["token_embedding.weight"],
        "transformer.wpe.weight": weights["position_embedding.weight"],
        "transformer.ln_f.weight": weights["norm.weight"],
        "transformer.ln_f.bias": weights["norm.bias"],
    }
    if not config.tied:
        found["lm_head.weight"] = weights["head.weight"]
    for layer in range(config.n_layer):
        ours, theirs = f"blocks.{layer}.", f"transformer.h.{layer}."
        for our, their in NAMES:
            for kind in ("weight", "bias"):
                found[theirs + their + kind] = _turned(weights[ours + our + kind], their)
        for kind in ("weight", "bias"):
            parts = torch.cat([weights[f"{ours}attention.{part}.{kind}"] for part in "qkv"])
            found[f"{theirs}attn.c_attn.{kind}"] = _turned(parts, "attn.c_attn.")
    return {name: tensor.contiguous() for name, tensor in found.items()}


def _turned(tensor: Tensor, name: str) -> Tensor:
    """GPT-2's linear layers hold (in, out) where nn.Linear holds (out, in)."""
    return tensor.T if tensor.ndim == 2 and ".c_" in name else tensor
