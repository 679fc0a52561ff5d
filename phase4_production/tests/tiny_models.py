"""Small models of transformers with random weights, and a tokenizer to go with them."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

VOCAB = 257  # all bytes, and the end of a text
END = 256

SHARED = {
    "vocab_size": VOCAB,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,  # or all logits are nearly equal, and a wrong layer goes unseen
    "bos_token_id": END,
    "eos_token_id": END,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}


def gpt2(**changes):
    sizes = {"vocab_size": VOCAB, "n_embd": 48, "n_layer": 2, "n_head": 3, "n_positions": 64}
    ends = {"bos_token_id": END, "eos_token_id": END}
    return _made(GPT2LMHeadModel, GPT2Config(**sizes, **ends, initializer_range=0.3, **changes))


def llama(**changes):
    return _made(LlamaForCausalLM, LlamaConfig(**(SHARED | changes)))


def llama3(**changes):
    return llama(rope_parameters=LLAMA3, **changes)


def qwen3(**changes):
    return _made(Qwen3ForCausalLM, Qwen3Config(**(SHARED | {"head_dim": 16} | changes)))


def _made(kind, config):
    torch.manual_seed(0)
    model = kind(config).eval()
    for name, parameter in model.named_parameters():
        if "norm" in name or "ln_" in name or name.endswith("bias"):  # 1 and 0 hide a mix-up
            torch.nn.init.normal_(parameter, mean=float(name.endswith("weight")), std=0.3)
    return model


def tokenizer(template=None):
    """Make a byte-level tokenizer without merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    engine = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    engine.decoder = decoders.ByteLevel()
    engine.add_special_tokens(["<|endoftext|>"])
    fast = PreTrainedTokenizerFast(tokenizer_object=engine, eos_token="<|endoftext|>")
    fast.chat_template = template
    return fast


FAMILIES = {
    "gpt2": gpt2,
    "llama": llama,
    "llama3": llama3,
    "llama_tied": lambda: llama(tie_word_embeddings=True),
    "llama_biased": lambda: llama(attention_bias=True),
    "qwen3": qwen3,
    "qwen3_tied": lambda: qwen3(tie_word_embeddings=True),
}
