"""Find a model by what a person types, and load it for the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from phase4_production.project import native, native_linears, quantized_files
from phase4_production.project.decoder import Decoder
from phase4_production.project.library_linears import LIBRARIES
from phase4_production.project.linears import Dense
from phase4_production.project.quantized_linears import Quantized
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution.quantized import NF4, Int4, Int8, Stored
from shared.blocks import are_mine
from shared.runs import RUNS

# What can be done while loading; GPTQ and AWQ read a text first, and write a folder (`quantize`).
NEAREST: dict[str, Callable[[Tensor], Stored]] = {"int8": Int8.of, "int4": Int4.of, "nf4": NF4.of}
METHODS = ("float32", "bfloat16", *NEAREST, *LIBRARIES)


def find(model: Path | None, runs: Path = RUNS) -> Path:
    """Return the folder of a model; by default the newest that earlier phases have written.

    Raises:
        ValueError: there is none.
    """
    if model is not None:
        return model
    found = [path.parent for path in runs.glob("phase[134]/*/hf/config.json")]
    if not found:
        raise ValueError(
            "there is no model yet: name a folder by --model, or make one with "
            "python -m phase1_transformers.project.train"
        )
    return max(found, key=lambda folder: (folder / "config.json").stat().st_mtime)


def load(
    folder: Path, method: str | None = None, device: str = "cpu", kernels: bool = True
) -> tuple[Decoder, Tokenizer]:
    """Load a model and its tokenizer.

    Args:
        folder: in Hugging Face's format, in that of the story model, or quantised by `quantize`.
        method: how the weights are kept, one of `METHODS`; None leaves them as they are.
        device: "cpu" or "cuda".
        kernels: on a CPU, multiply by our own kernels where they can be had.

    Raises:
        ValueError: in one line, if the folder holds no model that can be read.
    """
    if method is not None and method not in METHODS:
        raise ValueError(
            f"method {method!r} is unknown: {', '.join(METHODS)}; for gptq and awq make a folder "
            "with python -m phase4_production.project.quantize"
        )
    try:
        return _load(folder, method, device, kernels)
    except (ValueError, OSError):
        raise
    except Exception as error:  # a config of wrong types fails wherever it is first used
        said = str(error).partition("\n")[0]
        raise ValueError(
            f"{folder} cannot be loaded, is a file of it damaged? {type(error).__name__}: {said}"
        ) from None


def load_draft(
    folder: Path, model: Decoder, method: str | None = None, device: str = "cpu"
) -> Decoder:
    """Load a small model that guesses for another.

    Raises:
        ValueError: as `load`, or if it knows other tokens.
    """
    small, _ = load(folder, method, device)
    if small.architecture.vocab_size != model.architecture.vocab_size:
        raise ValueError(f"{folder} knows other tokens than the model: it cannot guess them")
    return small


def _load(
    folder: Path, method: str | None, device: str, kernels: bool
) -> tuple[Decoder, Tokenizer]:
    ours = kernels and device == "cpu" and not are_mine() and native.available()
    if quantized_files.is_quantized_folder(folder):
        if method is not None:
            raise ValueError(f"{folder} is quantised already: leave the method out")
        if device != "cpu":
            raise ValueError(f"{folder} is quantised, and its layers multiply on a CPU only")
        decoder = quantized_files.read(folder)
    else:
        decoder = _read(folder, method or "float32", device, ours)
    if ours:
        native_linears.exchange(decoder)
    a = decoder.architecture
    return decoder, Tokenizer.load(folder, a.vocab_size, a.eos_ids)


def _read(folder: Path, method: str, device: str, ours: bool) -> Decoder:
    if method == "bfloat16" and not ours:
        return Decoder.load(folder, torch.bfloat16, device)
    decoder = Decoder.load(folder, torch.float32, device)
    if method == "float32":
        return decoder
    for name, layer in decoder.linears.items():
        if not isinstance(layer, Dense):
            continue
        if method in LIBRARIES:
            decoder.linears[name] = LIBRARIES[method](layer.weight, layer.bias)
        elif method == "bfloat16":  # what it meets may stay in 32 bits
            decoder.linears[name] = Dense(layer.weight.bfloat16(), layer.bias)
        else:
            # The output layer has eight bits in every method: each word depends on it.
            make = Int8.of if name == "head" else NEAREST[method]
            decoder.linears[name] = Quantized(make(layer.weight), layer.bias)
    decoder.halve_embedding()
    return decoder


def name_of(folder: Path) -> str:
    """Name a model for clients: runs/phase1/tiny/hf is "tiny"."""
    path = folder.resolve()
    return path.parent.name if path.name == "hf" else path.name
