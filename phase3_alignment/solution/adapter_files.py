"""Adapter folders as peft writes and reads them: adapter_config.json, adapter_model.safetensors.

Only what was trained is in them: a few megabytes beside a base of any size. `PeftModel` opens ours
and we open peft's; names and shapes are those of peft 0.21.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from phase3_alignment.solution.adapted import AdaptedLayer
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.dora import DoRA
from phase3_alignment.solution.heads import TrainedHead
from phase3_alignment.solution.inject import inject, outer_modules
from phase3_alignment.solution.lora import EmbeddingLoRA
from shared.files import write_bytes, write_text

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."

# Fields of peft's file that say nothing about what the adapter computes.
SILENT = {
    "auto_mapping",
    "base_model_name_or_path",
    "ensure_weight_tying",
    "fan_in_fan_out",
    "inference_mode",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "task_type",
}
# Inits that leave the base as it is; those left out (PiSSA, OLoRA, ...) change the base's weights.
INITS = (True, False, "gaussian", "eva", "orthogonal")


def save(
    model: nn.Module,
    config: AdapterConfig,
    folder: Path,
    name: str = "default",
    base: str | None = None,
    task_type: str | None = None,
) -> None:
    """Write one adapter of a model as a folder.

    Args:
        model: as `inject` left it; only reads.
        config: with which the adapter was made.
        folder: made where it is missing; older files of these names are replaced, each at once.
        name: of the adapter; it is not written.
        base: where the base model can be found, for whoever opens the folder.
        task_type: peft's name of the task, such as "CAUSAL_LM".
    """
    tensors = {key: p.detach().contiguous() for key, p in _parameters(model, name).items()}
    write_bytes(folder / WEIGHTS, to_bytes(tensors, metadata={"format": "pt"}))
    fields = _to_peft(model, config, name) | {
        "base_model_name_or_path": base,
        "task_type": task_type,
    }
    write_text(folder / CONFIG, json.dumps(fields, indent=2, sort_keys=True) + "\n")


def load(model: nn.Module, folder: Path, name: str = "default") -> AdapterConfig:
    """Inject the adapter that a folder holds, ours or peft's, and return its settings.

    Args:
        model: the base, perhaps with other adapters; afterwards this one is active and trains. A
            folder may also hold weights of the base itself (peft adds embeddings that were
            resized): these are copied into the base.
        folder: with both files.
        name: for the adapter.

    Raises:
        ValueError: if the folder asks for what this code does not do, or its tensors are not those
            of the layers that its settings mean.
    """
    config = _from_peft(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    config = _without_absent(model, config)
    tensors = load_file(folder / WEIGHTS)
    inject(model, config, name)
    parameters = _parameters(model, name)
    if missing := parameters.keys() - tensors.keys():
        raise ValueError(f"{folder / WEIGHTS} lacks {min(missing)} and {len(missing) - 1} more")
    parameters |= _base_parameters(model, tensors.keys() - parameters.keys())
    with torch.no_grad():
        for key, tensor in tensors.items():
            if parameters[key].shape != tensor.shape:
                shapes = f"{tuple(tensor.shape)}, the model has {tuple(parameters[key].shape)}"
                raise ValueError(f"{key} in {folder / WEIGHTS} is {shapes}")
            parameters[key].copy_(tensor)
    return config


def _without_absent(model: nn.Module, config: AdapterConfig) -> AdapterConfig:
    """Drop names that mean nothing in this model: peft writes a few on suspicion, as "score"."""
    names = [f".{name}" for name, _ in outer_modules(model)]
    heads = tuple(h for h in config.heads if any(name.endswith(h) for name in names))
    if isinstance(config.targets, str):
        return replace(config, heads=heads)
    ends = {t: any(name.endswith(f".{t}") for name in names) for t in config.targets}
    return replace(config, heads=heads, targets=tuple(t for t in config.targets if ends[t]))


def _parameters(model: nn.Module, name: str) -> dict[str, nn.Parameter]:
    """Return the parameters of one adapter under the names that peft gives them."""
    found: dict[str, nn.Parameter] = {}
    for layer, module in outer_modules(model):
        if isinstance(module, AdaptedLayer | TrainedHead) and name in module.adapters:
            adapter = module.adapters[name]
            for key, parameter in adapter.named_parameters():
                found[f"{PREFIX}{layer}.{_key(adapter, key)}"] = parameter
    if not found:
        raise ValueError(f"the model has no adapter called {name!r}")
    return found


def _key(adapter: nn.Module, key: str) -> str:
    """Return peft's name of a parameter of an adapter; a head's parameters keep their names."""
    if isinstance(adapter, EmbeddingLoRA):
        return key.replace("lora_", "lora_embedding_")
    if key in ("lora_A", "lora_B"):
        return f"{key}.weight"
    return "lora_magnitude_vector" if isinstance(adapter, DoRA) else key


def _base_parameters(model: nn.Module, keys: set[str]) -> dict[str, Tensor]:
    """Return the base's own parameters that a file names; ValueError for what is not one."""
    own = dict(model.named_parameters(remove_duplicate=False))
    layers = {f"{n}.weight": m for n, m in outer_modules(model) if isinstance(m, AdaptedLayer)}
    found = {}
    for key in keys:
        place = key.removeprefix(PREFIX)
        plain = place.replace(".base_layer.", ".")
        if place in own:
            found[key] = own[place]
        elif plain in layers:
            found[key] = layers[plain].weight
        else:
            raise ValueError(f"the model has no place for {key}")
    return found


def _to_peft(model: nn.Module, config: AdapterConfig, name: str) -> dict[str, Any]:
    """Return peft's fields; what is left out has peft's default.

    The targets become full names: where ours pass over a block or a norm, peft's would refuse it.
    """
    outer = [(n, m) for n, m in outer_modules(model) if isinstance(m, AdaptedLayer)]
    layers = {n: m.base_layer for n, m in outer if name in m.adapters}
    return {
        "peft_type": "LORA",
        "target_modules": [*layers],
        "r": config.r,
        "lora_alpha": config.alpha,
        "lora_dropout": config.dropout,
        "use_rslora": config.rslora,
        "use_dora": config.dora,
        "modules_to_save": [*config.heads] or None,
        "rank_pattern": dict(config.rank_pattern),
        "alpha_pattern": dict(config.alpha_pattern),
        "fan_in_fan_out": any(isinstance(layer, Conv1D) for layer in layers.values()),
        "bias": "none",
        "init_lora_weights": True,
        "inference_mode": True,
    }


def _from_peft(fields: dict[str, Any]) -> AdapterConfig:
    """Return our settings for peft's fields; ValueError if a field asks for more."""
    rest = {key: value for key, value in fields.items() if key not in SILENT}
    expected = {"peft_type": ("LORA",), "bias": ("none",), "init_lora_weights": INITS}
    for key, allowed in expected.items():
        if (value := rest.pop(key, allowed[0])) not in allowed:
            raise ValueError(f"this code does not know {key} = {value!r}")
    targets = rest.pop("target_modules")
    config = AdapterConfig(
        targets=targets if isinstance(targets, str) else tuple(targets),
        r=rest.pop("r", 8),
        alpha=rest.pop("lora_alpha", 8),
        dropout=rest.pop("lora_dropout", 0.0),
        rslora=rest.pop("use_rslora", False),
        dora=rest.pop("use_dora", False),
        heads=tuple(rest.pop("modules_to_save", None) or ()),
        rank_pattern=rest.pop("rank_pattern", {}),
        alpha_pattern=rest.pop("alpha_pattern", {}),
    )
    if unknown := {key: value for key, value in rest.items() if value}:
        raise ValueError(f"this code does not know {unknown}")
    return config
