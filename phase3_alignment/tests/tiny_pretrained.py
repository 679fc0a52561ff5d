"""A folder as Hugging Face keeps one: a tiny model, drawn at random, and a tokenizer of bytes."""

from pathlib import Path

import torch

END = "<|endoftext|>"


def make_tokenizer():
    """Bytes, and an end token that also pads, as GPT-2's; no chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokens.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token=END, pad_token=END)


def make_folder(folder: Path, family: str = "llama", context: int = 128, seed: int = 0) -> Path:
    """Write a model of a few thousand parameters, in float32 and without dropout."""
    import transformers as hf

    ends = {"vocab_size": 257, "bos_token_id": 256, "eos_token_id": 256}
    if family == "gpt2":
        pdrop = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        sizes = {"n_positions": context, "n_embd": 16, "n_layer": 2, "n_head": 2}
        config, kind = hf.GPT2Config(**sizes, **pdrop, **ends), hf.GPT2LMHeadModel
    else:
        config = hf.LlamaConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=context, **ends,
        )  # fmt: skip
        kind = hf.LlamaForCausalLM
    hf.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)
    kind(config).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder
