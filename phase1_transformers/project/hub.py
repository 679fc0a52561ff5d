"""Models as folders in Hugging Face's format, both ways.

    model = load_pretrained("gpt2")                 from the hub, where there is network
    model = load_pretrained("runs/phase1/tiny/hf")  from a folder
    save_pretrained(model, folder)                  opens with AutoModelForCausalLM

A folder holds `config.json`, `generation_config.json` and `model.safetensors`. Pickled weights
(`pytorch_model.bin`) are not read: unpickling runs whatever code the file holds.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GenerationConfig

from phase1_transformers.project import hub_config, hub_names
from phase1_transformers.project.operations import default_ops
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import Ops
from shared.network import hub_answers

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
WANTED = ["*.json", "model*.safetensors", "merges.txt", "tokenizer.model"]


def save_pretrained(model: GPT, folder: str | Path, eos_token_id: int | None = None) -> Path:
    """Write a model as Hugging Face would; the dtype is that of its weights.

    Args:
        model: of an architecture that Hugging Face has, too.
        folder: made if it does not exist.
        eos_token_id: the token at which generation stops.

    Returns:
        The folder.

    Raises:
        ValueError: if there is no such architecture.
    """
    folder, weight = Path(folder), model.token_embedding.weight
    dtype = str(weight.dtype).removeprefix("torch.")
    config = hub_config.to_hub(model.config, dtype, eos_token_id)
    tensors = hub_names.to_hub(dict(model.state_dict()), model.config)
    folder.mkdir(parents=True, exist_ok=True)
    packed = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    save_file(packed, folder / WEIGHTS, metadata={"format": "pt"})
    config.save_pretrained(folder)
    GenerationConfig(bos_token_id=eos_token_id, eos_token_id=eos_token_id).save_pretrained(folder)
    return folder


def load_pretrained(
    folder_or_hub_id: str | Path, ops: Ops | None = None, dtype: torch.dtype = torch.float32
) -> GPT:
    """Open a GPT-2, Llama or Qwen3 model, ready to generate (in evaluation mode).

    Args:
        folder_or_hub_id: a folder, or a name on the Hugging Face hub such as "gpt2".
        ops: clear or fused operations; by default those of `operations.default_ops`.
        dtype: of the weights, whatever the file has.

    Raises:
        ValueError: in one line, if there is no such model, or one that ours cannot be.
    """
    folder = find_folder(folder_or_hub_id)
    try:
        config = hub_config.from_hub(_read_json(folder / "config.json"))
        model = GPT(config, ops or default_ops()).to(dtype)
        expected = dict(model.state_dict())
        model.load_state_dict(hub_names.from_hub(_read_tensors(folder), expected, config))
    except ValueError as error:
        raise ValueError(f"cannot load {folder}: {' '.join(str(error).split())}") from None
    return model.eval()


def find_folder(folder_or_hub_id: str | Path) -> Path:
    """Return a folder as it is; fetch anything else from the hub, or from its cache offline.

    Raises:
        ValueError: in one line, if the hub does not have it or does not answer.
    """
    folder = Path(folder_or_hub_id)
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download  # a second of import, for hub ids only

    online = hub_answers()
    name = str(folder_or_hub_id)
    try:
        return Path(snapshot_download(name, allow_patterns=WANTED, local_files_only=not online))
    except Exception as error:  # the hub's exceptions have no family of their own
        why = f"says: {error}" if online else "does not answer, and no copy is cached"
        raise ValueError(f"{name} is no folder; the hub {' '.join(why.split())}") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"there is no {path.name}") from None
    except ValueError as error:
        raise ValueError(f"{path.name} is damaged: {error}") from None


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    """Read all weights, from one file or from the shards that an index names."""
    names = [WEIGHTS]
    if not (folder / WEIGHTS).exists() and (folder / INDEX).exists():
        names = sorted(set(_read_json(folder / INDEX).get("weight_map", {}).values()))
    tensors: dict[str, Tensor] = {}
    for name in names:
        try:
            tensors |= load_file(folder / name)
        except FileNotFoundError:
            raise ValueError(f"there is no {name}") from None
        except SafetensorError as error:
            raise ValueError(f"{name} is damaged: {error}") from None
    return tensors
