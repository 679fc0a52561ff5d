"""Parameter names: ours on the left, those of Hugging Face on the right.

Two differences are more than names. GPT-2's linear layers are of a kind (`Conv1D`) that stores
(in, out), the transpose of `nn.Linear`. And our `qkv` is three matrices in Llama and Qwen3.
"""

import torch
from torch import Tensor

from phase1_transformers.solution.config import GPTConfig

GPT2 = {
    "token_embedding": ("transformer.wte",),
    "position_embedding": ("transformer.wpe",),
    "norm": ("transformer.ln_f",),
    "head": ("lm_head",),
}
GPT2_BLOCK = {
    "attention_norm": ("ln_1",),
    "attention.qkv": ("attn.c_attn",),
    "attention.proj": ("attn.c_proj",),
    "feedforward_norm": ("ln_2",),
    "feedforward.up": ("mlp.c_fc",),
    "feedforward.proj": ("mlp.c_proj",),
}
LLAMA = {
    "token_embedding": ("model.embed_tokens",),
    "norm": ("model.norm",),
    "head": ("lm_head",),
}
LLAMA_BLOCK = {
    "attention_norm": ("input_layernorm",),
    "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention.q_norm": ("self_attn.q_norm",),
    "attention.k_norm": ("self_attn.k_norm",),
    "attention.proj": ("self_attn.o_proj",),
    "feedforward_norm": ("post_attention_layernorm",),
    "feedforward.gate": ("mlp.gate_proj",),
    "feedforward.up": ("mlp.up_proj",),
    "feedforward.proj": ("mlp.down_proj",),
}
CONV1D = (".qkv.weight", ".proj.weight", ".up.weight")
# Constants that older checkpoints hold beside the parameters: masks and rotary frequencies.
CONSTANTS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")


def hub_names(name: str, is_gpt2: bool) -> list[str]:
    """Translate one parameter name; our `qkv` has three in Llama and Qwen3."""
    table, prefix = (GPT2 if is_gpt2 else LLAMA), ""
    if name.startswith("blocks."):
        _, layer, name = name.split(".", 2)
        table = GPT2_BLOCK if is_gpt2 else LLAMA_BLOCK
        prefix = f"transformer.h.{layer}." if is_gpt2 else f"model.layers.{layer}."
    module = next(module for module in table if name == module or name.startswith(f"{module}."))
    suffix = name.removeprefix(module) or ".weight"  # our q_norm and k_norm are bare parameters
    return [f"{prefix}{theirs}{suffix}" for theirs in table[module]]


def to_hub(tensors: dict[str, Tensor], config: GPTConfig) -> dict[str, Tensor]:
    """Rename, transpose and split the parameters of a model, or their gradients.

    A tied head is left out: it is the embedding.
    """
    is_gpt2, found = config.positions == "learned", {}
    for name, tensor in tensors.items():
        if name == "head.weight" and config.tied:
            continue
        names = hub_names(name, is_gpt2)
        pieces = tensor.split(_widths(config)) if len(names) > 1 else [tensor]
        for theirs, piece in zip(names, pieces, strict=True):
            found[theirs] = piece.T if is_gpt2 and name.endswith(CONV1D) else piece
    return found


def from_hub(
    tensors: dict[str, Tensor], expected: dict[str, Tensor], config: GPTConfig
) -> dict[str, Tensor]:
    """Undo `to_hub`.

    Args:
        tensors: theirs, by name.
        expected: the parameters of our model, for their names and shapes.
        config: of our model.

    Raises:
        ValueError: if a tensor is missing, left over, or of another shape; or if a head that
            should be tied is not the embedding.
    """
    is_gpt2, found = config.positions == "learned", {}
    theirs = _parameters(tensors, is_gpt2)
    tied_head = theirs.pop("lm_head.weight", None) if config.tied else None
    _require_same(theirs, to_hub(expected, config))
    for name in expected:
        if name == "head.weight" and config.tied:
            continue
        tensor = torch.cat([theirs[part] for part in hub_names(name, is_gpt2)])
        found[name] = tensor.T if is_gpt2 and name.endswith(CONV1D) else tensor
    if config.tied:
        found["head.weight"] = found["token_embedding.weight"]
        if tied_head is not None and not torch.equal(tied_head, found["head.weight"]):
            raise ValueError("lm_head.weight is not the embedding, but config.json ties the two")
    return found


def _widths(config: GPTConfig) -> list[int]:
    return [n * config.head_dim for n in (config.n_head, config.n_kv_head, config.n_kv_head)]


def _parameters(tensors: dict[str, Tensor], is_gpt2: bool) -> dict[str, Tensor]:
    """Leave out constants, and add the prefix that GPT-2's first checkpoints lack."""
    found = {}
    for name, tensor in tensors.items():
        bare = is_gpt2 and not name.startswith(("transformer.", "lm_head."))
        if not name.endswith(CONSTANTS):
            found[f"transformer.{name}" if bare else name] = tensor
    return found


def _require_same(theirs: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, tensor in expected.items():
        if name not in theirs:
            raise ValueError(f"the weights lack {name}")
        if theirs[name].shape != tensor.shape:
            raise ValueError(
                f"{name} is {tuple(theirs[name].shape)}; config.json makes it {tuple(tensor.shape)}"
            )
    for name in sorted(theirs.keys() - expected.keys()):
        raise ValueError(f"the weights hold {name}, for which config.json has no place")
