"""A language model to align: a base, the adapter that learns, and how both are kept.

What supervised fine-tuning and the programs of reinforcement learning share:

    subject = policy.load("stories", AdapterConfig(targets=()))
    with policy.reference(subject) as base: ...       # the same weights, the adapter switched off
    model = ActorCritic(subject.model)                # with a value head, for PPO
    policy.save(subject, run.path)                    # adapter/ for peft, hf/ for transformers
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from phase3_alignment.project import models, templates
from phase3_alignment.solution import adapter_files, inject, merging
from phase3_alignment.solution.adapted import sizes
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.chat import Message
from shared.runs import RUNS

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER, MERGED = "adapter", "hf"  # folders of `save`


@dataclass(frozen=True)
class Policy:
    """A causal language model in evaluation mode, and what of it learns.

    Attributes:
        model: of Hugging Face, in float32, with the adapter injected.
        tokenizer: has a chat template, its own or ours, and a token for padding.
        adapter: the settings of what learns; None if all parameters do.
        source: where the base is from, for people to read.
        base: where others find the base, for peft; None if there is no such place.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    adapter: AdapterConfig | None
    source: str
    base: str | None

    @property
    def context(self) -> int:
        """Tokens that the model can read at once."""
        return self.model.config.max_position_embeddings

    @property
    def end_id(self) -> int:
        """The token that ends an answer: what the chat template writes behind one."""
        ids, answers = templates.render(
            [Message("user", "?"), Message("assistant", "!")], self.tokenizer
        )
        return int(ids[answers][-1])

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device


def load(
    name: str | None = None,
    adapter: AdapterConfig | None = None,
    *,
    adapt_output: bool = False,
    device: str = "auto",
    seed: int = 0,
    runs: Path = RUNS,
) -> Policy:
    """Load a base and let it, or an adapter in it, learn.

    A model without a chat template gets ours before anything is encoded: what it learns in is then
    the form in which everyone asks it who knows it by its files.

    Args:
        name: as `--model` takes it, see `models`.
        adapter: with empty `targets` it goes beside every linear layer of the blocks; Dettmers et
            al. 2023 (arXiv:2305.14314, section 4) found that to be what matters. None trains all
            parameters.
        adapt_output: with empty `targets`, beside the output layer as well. A base that has never
            seen its end token gives it next to no probability, and no block can change that well.
        device: as `choose_device` takes it.
        seed: of the adapter's first weights.
        runs: where phase 1 leaves its models.

    Raises:
        shared.texts.DataError: there is no such model.
        ValueError: the model has no such layers, the machine no such device.
    """
    found = models.load_causal(name, runs)
    # Half precision is for reading a model: a weight that learns loses small steps to rounding.
    model = found.model.float().to(choose_device(device))
    if found.tokenizer.chat_template is None:
        found.tokenizer.chat_template = templates.OURS
    if adapter is not None:
        if not adapter.targets:
            adapter = replace(adapter, targets=linear_layers(model, adapt_output))
        torch.manual_seed(seed)
        inject.inject(model, adapter)
    base = None if name == "stories" else found.source
    return Policy(model, found.tokenizer, adapter, found.source, base)


def choose_device(name: str) -> torch.device:
    """Find the device that is asked for; auto takes a GPU where there is one.

    Raises:
        ValueError: this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):
        raise ValueError(f"this machine has no device {name!r}; try auto or cpu") from None


def linear_layers(model: nn.Module, with_output: bool = False) -> tuple[str, ...]:
    """Return the last parts of the names of all linear layers, the output's only if asked for.

    For GPT-2 they are c_attn, c_proj and c_fc; as targets they mean the layers of every block.
    """
    output = model.get_output_embeddings()
    names = [
        name.rpartition(".")[2]
        for name, module in inject.outer_modules(model)
        if sizes(module)
        and not isinstance(module, nn.Embedding)
        and (with_output or module is not output)
    ]
    return tuple(dict.fromkeys(names))


@contextmanager
def reference(policy: Policy) -> Iterator[PreTrainedModel]:
    """Within the block, the policy's model is the base with which it began.

    Raises:
        ValueError: there is no adapter to switch off, so the base's weights are no longer there.
    """
    if policy.adapter is None:
        raise ValueError("without an adapter there is no reference: all weights of the base move")
    with inject.disabled(policy.model):
        yield policy.model


# -- files ------------------------------------------------------------------------------------


def save(policy: Policy, folder: Path) -> None:
    """Write what was learnt as adapter/, and the model with it merged in as hf/.

    Both open without this code: adapter/ with peft beside its base, hf/ with transformers alone.
    The policy stays as it is.
    """
    if policy.adapter is not None:
        adapter_files.save(
            policy.model, policy.adapter, folder / ADAPTER, base=policy.base, task_type="CAUSAL_LM"
        )
    export(policy, folder / MERGED)


def export(policy: Policy, folder: Path) -> None:
    """Write the model with its adapter merged in, and its tokenizer with its chat template.

    An older folder is replaced when the new one is whole.
    """
    plain = copy.deepcopy(policy.model).cpu()
    merging.unload(plain)
    plain.generation_config.eos_token_id = policy.end_id
    plain.generation_config.pad_token_id = policy.tokenizer.pad_token_id
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    plain.save_pretrained(unfinished)
    policy.tokenizer.save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
