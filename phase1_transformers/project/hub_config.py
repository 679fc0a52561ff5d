"""The same architecture in two vocabularies: our `GPTConfig`, and the configs of Hugging Face.

GPT-2 is `GPT2LMHeadModel`; the modern GPT is `Qwen3ForCausalLM`, or `LlamaForCausalLM` if it has
no QK-norm. What neither side can say to the other is refused in one line, never bent until it fits.
"""

from typing import Any

from transformers import GPT2Config, LlamaConfig, PretrainedConfig, Qwen3Config

from phase1_transformers.solution.config import GPTConfig

CONFIGS: dict[str, type[PretrainedConfig]] = {
    "gpt2": GPT2Config,
    "llama": LlamaConfig,
    "qwen3": Qwen3Config,
}
ARCHITECTURES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
TANH_GELUS = ("gelu_new", "gelu_pytorch_tanh", "gelu_fast")  # one function under three names


# -- from ours to theirs ----------------------------------------------------------------------


def model_type(config: GPTConfig) -> str:
    """Name the architecture of Hugging Face that computes what our model computes.

    Raises:
        ValueError: if there is none.
    """
    wanted = (config.norm, config.positions, config.feedforward)
    if wanted == ("layer", "learned", "gelu"):
        kind, obstacles = "gpt2", _obstacles_gpt2(config)
    elif wanted == ("rms", "rotary", "swiglu") and config.qk_norm:
        kind, obstacles = "qwen3", {"bias=True": config.bias}
    elif wanted == ("rms", "rotary", "swiglu"):
        ragged = config.n_embd % config.n_head > 0
        kind, obstacles = "llama", {"n_embd that is no multiple of n_head": ragged}
    else:
        raise ValueError(
            f"no Hugging Face model has norm={config.norm!r} with positions={config.positions!r} "
            f"and feedforward={config.feedforward!r}"
        )
    if found := [what for what, holds in obstacles.items() if holds]:
        raise ValueError(f"{ARCHITECTURES[kind]} has no form for {', '.join(found)}")
    return kind


def _obstacles_gpt2(config: GPTConfig) -> dict[str, bool]:
    return {
        "bias=False": not config.bias,
        "qk_norm=True": config.qk_norm,
        "n_kv_head other than n_head": config.n_kv_head != config.n_head,
        "heads that do not fill n_embd": config.n_head * config.head_dim != config.n_embd,
    }


def to_hub(config: GPTConfig, dtype: str, eos_token_id: int | None = None) -> PretrainedConfig:
    """Say a config in Hugging Face's words.

    Dropout, which acts in training only, is kept by GPT-2; Llama and Qwen3 have none.

    Args:
        config: ours.
        dtype: of the weights, such as "float32".
        eos_token_id: the token that ends a document, which also begins the next one.

    Raises:
        ValueError: if no architecture of theirs fits.
    """
    kind = model_type(config)
    fields = _gpt2_fields(config) if kind == "gpt2" else _llama_fields(config)
    if kind == "llama":
        fields |= {"attention_bias": config.bias, "mlp_bias": config.bias}
    return CONFIGS[kind](
        **fields,
        vocab_size=config.vocab_size,
        tie_word_embeddings=config.tied,
        bos_token_id=eos_token_id,
        eos_token_id=eos_token_id,
        architectures=[ARCHITECTURES[kind]],
        dtype=dtype,
    )


def _gpt2_fields(config: GPTConfig) -> dict[str, Any]:
    return {
        "n_positions": config.block_size,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.n_embd,
        "n_inner": config.n_hidden,
        "layer_norm_epsilon": config.norm_eps,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "attn_pdrop": 0.0,  # our model drops no attention weights
    }


def _llama_fields(config: GPTConfig) -> dict[str, Any]:
    return {
        "max_position_embeddings": config.block_size,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_kv_head,
        "hidden_size": config.n_embd,
        "head_dim": config.head_dim,
        "intermediate_size": config.n_hidden,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
    }


# -- from theirs to ours ----------------------------------------------------------------------


def from_hub(raw: dict[str, Any]) -> GPTConfig:
    """Read the content of a `config.json`.

    Raises:
        ValueError: if it describes something that our model does not compute.
    """
    kind = raw.get("model_type")
    if kind not in CONFIGS:
        raise ValueError(f"model_type is {kind!r}; supported are {', '.join(CONFIGS)}")
    if raw.get("quantization_config"):
        raise ValueError("the weights are quantised, which is not supported")
    try:  # their class fills in what a file leaves out
        theirs = CONFIGS[kind].from_dict(raw)
    except Exception as error:  # its validators raise exceptions of many families
        raise ValueError(f"config.json is not one of {kind}: {error}") from None
    if kind == "gpt2":
        return _from_gpt2(theirs)
    return _from_llama(theirs, _rope_theta(raw), qk_norm=kind == "qwen3")


def _from_gpt2(theirs: PretrainedConfig) -> GPTConfig:
    _require(theirs, activation_function=TANH_GELUS, scale_attn_weights=(True,))
    _require(theirs, scale_attn_by_inverse_layer_idx=(False,), add_cross_attention=(False,))
    return GPTConfig(
        vocab_size=theirs.vocab_size,
        block_size=theirs.n_positions,
        n_layer=theirs.n_layer,
        n_head=theirs.n_head,
        n_embd=theirs.n_embd,
        n_kv_head=theirs.n_head,
        head_dim=theirs.n_embd // theirs.n_head,
        n_hidden=theirs.n_inner or 4 * theirs.n_embd,
        norm="layer",
        norm_eps=theirs.layer_norm_epsilon,
        positions="learned",
        rope_theta=0.0,
        feedforward="gelu",
        bias=True,
        qk_norm=False,
        tied=theirs.tie_word_embeddings,
        dropout=theirs.resid_pdrop,
    )


def _from_llama(theirs: PretrainedConfig, rope_theta: float, qk_norm: bool) -> GPTConfig:
    mlp_bias = getattr(theirs, "mlp_bias", False)  # Qwen3 has no such field, and no such bias
    _require(theirs, hidden_act=("silu", "swish"), attention_bias=(mlp_bias,))
    if getattr(theirs, "use_sliding_window", False):
        raise ValueError("use_sliding_window is true, which is not supported")
    return GPTConfig(
        vocab_size=theirs.vocab_size,
        block_size=theirs.max_position_embeddings,
        n_layer=theirs.num_hidden_layers,
        n_head=theirs.num_attention_heads,
        n_embd=theirs.hidden_size,
        n_kv_head=theirs.num_key_value_heads,
        head_dim=theirs.head_dim,
        n_hidden=theirs.intermediate_size,
        norm="rms",
        norm_eps=theirs.rms_norm_eps,
        positions="rotary",
        rope_theta=rope_theta,
        feedforward="swiglu",
        bias=mlp_bias,
        qk_norm=qk_norm,
        tied=theirs.tie_word_embeddings,
    )


def _rope_theta(raw: dict[str, Any]) -> float:
    """Find the base of the angles where older and newer files keep it; refuse scaled angles."""
    rope = {"rope_theta": raw.get("rope_theta", 10_000.0)}
    rope |= raw.get("rope_scaling") or {}
    rope |= raw.get("rope_parameters") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default" or rope.get("partial_rotary_factor", 1) != 1:
        raise ValueError(f"rotary positions of type {kind!r} are not supported: {rope}")
    return float(rope["rope_theta"])


def _require(theirs: PretrainedConfig, **allowed: tuple[Any, ...]) -> None:
    for name, values in allowed.items():
        if (value := getattr(theirs, name)) not in values:
            wanted = " or ".join(map(repr, values))
            raise ValueError(f"{name} is {value!r} in config.json; supported is {wanted}")
