"""Tiny models of transformers, at random and offline; a second of import, so not for grading."""

import torch

FAMILIES = ["gpt2", "llama", "qwen3"]


def make_model(family, attention="sdpa", dtype=torch.float64, vocab_size=50):
    """A model of two layers with weights large enough that attention matters."""
    import transformers as hf

    torch.manual_seed(0)
    ends = {"bos_token_id": vocab_size - 1, "eos_token_id": vocab_size - 1}
    common = {"vocab_size": vocab_size, "attn_implementation": attention, **ends}
    if family == "gpt2":
        config = hf.GPT2Config(n_positions=64, n_embd=16, n_layer=2, n_head=2, **common)
        model = hf.GPT2LMHeadModel(config)
    else:
        kinds = {
            "llama": (hf.LlamaConfig, hf.LlamaForCausalLM),
            "qwen3": (hf.Qwen3Config, hf.Qwen3ForCausalLM),
        }
        make_config, make = kinds[family]
        config = make_config(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, head_dim=8, max_position_embeddings=64, **common,
        )  # fmt: skip
        model = make(config)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model.to(dtype).eval()
