"""Quantised models on disk: safetensors, and a config that says what they are.

    quantization.json          method, group, the sizes of the model, the hash of its weights, and
                               for each linear layer its format
    quantized.safetensors      blocks.3.qkv.packed, blocks.3.qkv.scale, ..., embed, norm.weight
    tokenizer.json ...         as the model has them

The file of tensors repeats the hash, so that two halves of different models are noticed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from phase4_production.project import checkpoint
from phase4_production.project.architecture import Architecture, Rope
from phase4_production.project.checkpoint import CheckpointError
from phase4_production.project.decoder import Decoder
from phase4_production.project.linears import Linear
from phase4_production.project.quantized_linears import IntegerProduct, Quantized
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution.quantized import NF4, Int4, Int8, Stored
from shared.files import write_bytes, write_text

CONFIG, WEIGHTS = "quantization.json", "quantized.safetensors"
TOKENIZER_FILES = ("tokenizer_config.json", "chat_template.jinja")
FORMATS = {"Int8": Int8, "Int4": Int4, "NF4": NF4}

# Makes a layer of a stored weight, a bias and "float" or "int8", the kind of its activations.
MakeLinear = Callable[[Stored, Tensor | None, str], Linear]


@dataclass(frozen=True)
class Quantization:
    """What a folder says of itself.

    Attributes:
        method: one of `methods.METHODS`.
        group: weights that share a scale, where the method has groups.
        model: SHA-256 of the weights that were quantised.
        architecture: the sizes of the model.
        layers: format and activations of each linear layer.
    """

    method: str
    group: int
    model: str
    architecture: Architecture
    layers: dict[str, dict[str, str]]


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of a model's weight files, in the order of their names.

    Raises:
        CheckpointError: there is none.
    """
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("stories*.bin")])
    if not files:
        raise CheckpointError(f"{folder} holds no weights")
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def is_quantized_folder(folder: Path) -> bool:
    """Whether a folder holds a model that `write` has written."""
    return (folder / CONFIG).is_file()


# -- writing --------------------------------------------------------------------------------------


def write(folder: Path, decoder: Decoder, method: str, group: int, source: Path) -> None:
    """Write a quantised decoder with everything that it takes to run it.

    Args:
        folder: made if it is not there.
        decoder: all of its linear layers `Quantized`.
        method, group: how that was done.
        source: the folder of the model as it was.
    """
    model, a = weights_hash(source), decoder.architecture
    layers, tensors = {}, dict(decoder.tensors)
    for name, layer in decoder.linears.items():
        layers[name] = {
            "format": type(layer.weight).__name__,
            "activations": layer.activations,
        }
        tensors |= {f"{name}.{key}": tensor for key, tensor in layer.weight.tensors().items()}
        if layer.bias is not None:
            tensors[f"{name}.bias"] = layer.bias
    folder.mkdir(parents=True, exist_ok=True)
    # Tensors first: a folder with a config is a whole one.
    stored = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_bytes(folder / WEIGHTS, save(stored, {"model": model, "method": method}))
    Tokenizer.load(source, a.vocab_size, a.eos_ids).engine.save(str(folder / "tokenizer.json"))
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    told = asdict(Quantization(method, group, model, a, layers))
    write_text(folder / CONFIG, json.dumps(told, indent=2) + "\n")


# -- reading --------------------------------------------------------------------------------------


def plain(weight: Stored, bias: Tensor | None, activations: str) -> Linear:
    """Make the layers of `quantized_linears`."""
    return (IntegerProduct if activations == "int8" else Quantized)(weight, bias)


def open_model(folder: Path, make: MakeLinear = plain) -> Decoder:
    """Read a model folder of any kind, quantised or not.

    Raises:
        CheckpointError: in one line, if it cannot be read.
    """
    return read(folder, make) if is_quantized_folder(folder) else Decoder.load(folder)


def read(folder: Path, make: MakeLinear = plain, source: Path | None = None) -> Decoder:
    """Read what `write` has written.

    Args:
        folder: the quantised model.
        make: how its layers multiply.
        source: the folder of the model that it should be made of, if that is to be checked.

    Raises:
        CheckpointError: in one line, if a file is missing, cut short or of another model.
    """
    told = read_config(folder)
    if source is not None and weights_hash(source) != told.model:
        raise CheckpointError(f"{folder} was made of another model than {source}")
    tensors = _read_tensors(folder / WEIGHTS, told.model)
    a, linears = told.architecture, {}
    try:
        for name, layer in told.layers.items():
            weight = _take(tensors, name, layer["format"], told.group, _shape(a, name))
            linears[name] = make(weight, tensors.pop(f"{name}.bias", None), layer["activations"])
    except KeyError as error:
        raise CheckpointError(f"{folder} has no {error.args[0]}") from None
    except ValueError as error:
        raise CheckpointError(f"{folder}: {error}") from None
    checkpoint.check(tensors, a, folder)
    return Decoder(a, tensors, linears)


def read_config(folder: Path) -> Quantization:
    """Read what a folder says of itself.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        told = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        a = told.pop("architecture")
        rope = Rope(**a.pop("rope")) if a["rope"] else a.pop("rope")
        sizes = Architecture(**a | {"rope": rope, "eos_ids": tuple(a["eos_ids"])})
        return Quantization(architecture=sizes, **told)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{folder / CONFIG} is damaged") from None


def _read_tensors(path: Path, model: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing")
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("model") != model:
                raise CheckpointError(f"{path} is of another model than the {CONFIG} beside it")
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or cut short: {error}") from None


def _take(
    tensors: dict[str, Tensor], name: str, kind: str, group: int, shape: tuple[int, int]
) -> Stored:
    """Put a weight together, and see that it is as large as the model says."""
    fields = {"Int8": ("codes", "scale"), "Int4": ("packed", "scale", "zero")}.get(
        kind, ("packed", "absmax_codes", "absmax_scale", "absmax_offset")
    )
    found = {field: tensors.pop(f"{name}.{field}") for field in fields}
    extra = {"Int4": {"group": group}, "NF4": {"shape": shape}}.get(kind, {})
    weight = FORMATS[kind](**found, **extra)
    if tuple(weight.shape) != shape:
        raise ValueError(f"{name} is {tuple(weight.shape)}, and the config says {shape}")
    return weight


def _shape(a: Architecture, name: str) -> tuple[int, int]:
    return checkpoint.shapes(a)[f"{name}.weight"]
