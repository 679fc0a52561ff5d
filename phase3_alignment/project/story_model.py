"""stories260K: a pretrained model of 260,032 parameters, from its published binary format.

Karpathy's llama2.c stores a Llama as seven integers and its arrays, and a tokenizer as scored
pieces. Here both become what transformers opens, so that a laptop without a network has a real
pretrained language model: it tells stories for small children (Eldan and Li 2023,
arXiv:2305.07759).
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from shared.texts import DataError

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

WEIGHTS, PIECES = "stories260K.bin", "tok512.bin"
SHA256 = {
    WEIGHTS: "b0a507e7ad0f626624f17112325e66691f9076d622e1d3274d103d00299f2696",
    PIECES: "037cb335abb25d1fa9e8ecae30ed2a3a8ace9302862ebcdc05d51a6bbb10c312",
}
UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"  # ids 0, 1, 2


def load(folder: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Read model and tokenizer from the folder that has both files.

    Raises:
        DataError: a file is missing, or is not the published one.
    """
    return read_model(_read(folder, WEIGHTS)), read_tokenizer(_read(folder, PIECES))


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    if not path.is_file():
        raise DataError(f"{path} is missing")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise DataError(f"{path} is not the published file (its sha256 differs); get it again")
    return content


# -- weights ----------------------------------------------------------------------------------


def read_model(content: bytes) -> LlamaForCausalLM:
    """Make transformers' Llama of a file in llama2.c's first format."""
    from transformers import LlamaConfig, LlamaForCausalLM

    C, hidden, depth, n_head, n_kv_head, V, T = struct.unpack("<7i", content[:28])
    config = LlamaConfig(
        hidden_size=C,
        intermediate_size=hidden,
        num_hidden_layers=depth,
        num_attention_heads=n_head,
        num_key_value_heads=n_kv_head,
        vocab_size=V,
        max_position_embeddings=T,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    numbers = torch.from_numpy(np.frombuffer(content[28:], np.float32).copy())
    narrow = C // n_head * n_kv_head
    shapes = {
        "embed_tokens": (V, C),
        "input_layernorm": (depth, C),
        "self_attn.q_proj": (depth, C, C),
        "self_attn.k_proj": (depth, narrow, C),
        "self_attn.v_proj": (depth, narrow, C),
        "self_attn.o_proj": (depth, C, C),
        "post_attention_layernorm": (depth, C),
        "mlp.gate_proj": (depth, hidden, C),
        "mlp.down_proj": (depth, C, hidden),
        "mlp.up_proj": (depth, hidden, C),
        "norm": (C,),
    }
    state, place = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        array, place = numbers[place : place + size].view(shape), place + size
        if name in ("embed_tokens", "norm"):
            state[f"model.{name}.weight"] = array
            continue
        for i, layer in enumerate(array):
            heads = {"self_attn.q_proj": n_head, "self_attn.k_proj": n_kv_head}.get(name)
            state[f"model.layers.{i}.{name}.weight"] = halves(layer, heads) if heads else layer
    model = LlamaForCausalLM(config)
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    return model.eval()


def halves(weight: torch.Tensor, n_head: int) -> torch.Tensor:
    """Reorder each head's rows: llama2.c turns neighbours by RoPE, transformers both halves.

    Args:
        weight: (n_head * width, C), of queries or keys.
        n_head: heads in it.
    """
    pairs = weight.view(n_head, -1, 2, weight.shape[1])
    return pairs.transpose(1, 2).reshape(weight.shape)


# -- tokenizer --------------------------------------------------------------------------------


def read_tokenizer(content: bytes) -> PreTrainedTokenizerFast:
    """Make transformers' tokenizer of scored pieces.

    A pair is merged when its piece has the highest score; in the format of merges that is a list
    in order of falling scores.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    scored = pieces(content)
    names = [UNKNOWN, BEGIN, END, *(piece.replace(" ", "▁") for piece, _ in scored[3:])]
    vocab = {name: i for i, name in enumerate(names)}
    learned = [(score, names[i]) for i, (_, score) in enumerate(scored) if i > 258]
    merges = [
        (name[:cut], name[cut:])
        for _, name in sorted(learned, key=lambda item: -item[0])
        for cut in range(1, len(name))
        if name[:cut] in vocab and name[cut:] in vocab
    ]
    model = models.BPE(vocab, merges, unk_token=UNKNOWN, byte_fallback=True, fuse_unk=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=UNKNOWN, bos_token=BEGIN, eos_token=END
    )


def pieces(content: bytes) -> list[tuple[str, float]]:
    """List each token's text and score, in order of ids."""
    found, place = [], 4  # the first number is the length of the longest piece
    while place < len(content):
        score, length = struct.unpack("<fi", content[place : place + 8])
        place += 8
        found.append((content[place : place + length].decode(), score))
        place += length
    return found
