"""What a user would install instead, on the same weights: transformers, CTranslate2, llama.cpp.

Each peer is a function from prompts to answers of a fixed length, greedy, no end of text: the same
work as the engine's. One that is not installed is None.

Each side works in a process of its own, one after the other (`Apart`): every library brings threads
of its own kind, and in one process they slow whoever comes after them. Beside CTranslate2's, our
engine wrote 110 tokens a second in place of 184.
"""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

Prompts = Sequence[Sequence[int]]
Generate = Callable[[Prompts, int], list[list[int]]]  # prompts, tokens of an answer -> answers


class Apart:
    """A side in a process of its own.

    Args:
        make: makes the side; called there, and so given by name: a function of a module.
        arguments: for it.
    """

    def __init__(self, make: Callable[..., Generate | None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_answer, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        self.installed: bool = self._pipe.recv()

    def __call__(self, prompts: Prompts, n: int) -> list[list[int]]:
        """Ask, and wait for the answers."""
        self._pipe.send((prompts, n))
        return self._pipe.recv()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _answer(pipe: Connection, make: Callable[..., Generate | None], arguments: tuple) -> None:
    """What the process does: answer until it is ended."""
    side = make(*arguments)
    pipe.send(side is not None)
    while side is not None:
        pipe.send(side(*pipe.recv()))


def write_gpt2(folder: Path, **sizes: int) -> Path:
    """Write a GPT-2 with random weights, 124 M parameters by default, as its users have it."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(folder)
    # CTranslate2 converts no model without a vocabulary.
    tokens = {"<|endoftext|>": 0} | {f"t{i}": i for i in range(1, config.vocab_size)}
    (folder / "vocab.json").write_text(json.dumps(tokens), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return folder


def transformers(folder: Path) -> Generate:
    """`generate` of transformers in float32."""
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(folder).eval()

    @torch.inference_mode()
    def generate(prompts: Prompts, n: int) -> list[list[int]]:
        ids = torch.tensor(prompts)
        made = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=n,
            eos_token_id=None,
            pad_token_id=0,
        )
        return made[:, ids.shape[1] :].tolist()

    return generate


def ctranslate2(folder: Path, threads: int) -> Generate | None:
    """CTranslate2 with int8 weights and activations."""
    if importlib.util.find_spec("ctranslate2") is None:
        return None
    import ctranslate2 as library
    from ctranslate2.converters import TransformersConverter

    made = folder / "ctranslate2"
    if not made.is_dir():
        TransformersConverter(str(folder)).convert(str(made), quantization="int8")
    generator = library.Generator(
        str(made), compute_type="int8", inter_threads=1, intra_threads=threads
    )

    def generate(prompts: Prompts, n: int) -> list[list[int]]:
        found = generator.generate_batch(
            [[f"t{i}" if i else "<|endoftext|>" for i in prompt] for prompt in prompts],
            max_length=n,
            min_length=n,
            sampling_topk=1,
            include_prompt_in_result=False,
        )
        return [one.sequences_ids[0] for one in found]

    return generate


def llama_cpp(folder: Path, kind: str, threads: int) -> Generate | None:
    """llama.cpp with weights of a kind of its own: "Q8_0" (8.5 bits) or "Q4_0" (4.5 bits)."""
    if not all(map(importlib.util.find_spec, ("llama_cpp", "gguf"))):
        return None
    from llama_cpp import Llama

    path = folder / f"{kind}.gguf"
    if not path.is_file():
        write_gguf(folder, path, kind)
    model = Llama(str(path), n_ctx=256, n_threads=threads, n_threads_batch=threads, verbose=False)

    def generate(prompts: Prompts, n: int) -> list[list[int]]:
        found = []
        for prompt in prompts:
            model.reset()
            tokens = model.generate(prompt, top_k=1, temp=0.0, repeat_penalty=1.0)
            found.append([token for _, token in zip(range(n), tokens, strict=False)])
        return found

    return generate


def write_gguf(folder: Path, path: Path, kind: str) -> None:
    """Write a GPT-2 in llama.cpp's format."""
    import gguf

    from phase4_production.project import checkpoint

    a, tensors = checkpoint.read(folder)
    quantization = gguf.GGMLQuantizationType[kind]
    writer = gguf.GGUFWriter(str(path), "gpt2")
    writer.add_context_length(a.max_length)
    writer.add_embedding_length(a.n_embd)
    writer.add_block_count(a.n_layer)
    writer.add_feed_forward_length(a.n_mlp)
    writer.add_head_count(a.n_head)
    writer.add_layer_norm_eps(a.norm_eps)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{kind}"])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"t{i}" for i in range(a.vocab_size)])
    writer.add_token_types([gguf.TokenType.NORMAL] * a.vocab_size)
    writer.add_token_merges(["t 0"])
    pieces = {
        "norm1": "attn_norm",
        "qkv": "attn_qkv",
        "out": "attn_output",
        "norm2": "ffn_norm",
        "up": "ffn_up",
        "down": "ffn_down",
    }
    names = {"embed": "token_embd.weight", "positions": "position_embd.weight"}
    names |= {f"norm.{part}": f"output_norm.{part}" for part in ("weight", "bias")}
    for i in range(a.n_layer):
        for ours, theirs in pieces.items():
            for part in ("weight", "bias"):
                names[f"blocks.{i}.{ours}.{part}"] = f"blk.{i}.{theirs}.{part}"
    for ours, theirs in names.items():
        values = tensors[ours].numpy()
        if values.ndim == 1 or ours == "positions":
            writer.add_tensor(theirs, values)
            continue
        # The embedding is the output layer, too, and llama.cpp's own tool gives it eight bits.
        chosen = gguf.GGMLQuantizationType.Q8_0 if ours == "embed" else quantization
        writer.add_tensor(
            theirs, gguf.quants.quantize(np.ascontiguousarray(values), chosen), raw_dtype=chosen
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
