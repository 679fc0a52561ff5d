"""A text classifier: an encoder, the mean of what it makes of the tokens, a linear head.

Mean pooling is that of Reimers and Gurevych 2019 (arXiv:1908.10084), section 3; the unit length is
what all-MiniLM-L6-v2 was trained with. How much of the encoder trains is the method's affair:
nothing (a probe), corrections (LoRA), corrections beside four bits (QLoRA), everything.

A classifier is kept as a folder with no more in it than was trained:

    classifier.json              the encoder's name, the method, the classes, how sure to be
    head.safetensors
    adapter_config.json, adapter_model.safetensors        LoRA and QLoRA, in peft's format
    encoder.safetensors                                   of full fine-tuning, all of it
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import Tensor, nn

from phase3_alignment.project import models
from phase3_alignment.project.fast_nf4 import FastLinear4Bit
from phase3_alignment.project.models import Pretrained
from phase3_alignment.solution import adapter_files, linear4bit, padding
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.inject import inject
from shared.files import write_bytes, write_text
from shared.texts import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Method = Literal["probe", "lora", "qlora", "full"]
SCALE = 20.0  # from cosines, which are at most 1, to logits: sentence-transformers' own factor
MAX_TOKENS = 128  # a text is cut there
FOLDER = "classifier"  # inside a run's
HEAD, ENCODER, ABOUT = "head.safetensors", "encoder.safetensors", "classifier.json"


@dataclass(frozen=True)
class About:
    """What is known about a classifier besides its weights.

    Attributes:
        base: the encoder, as `models.load_encoder` takes it.
        method: how it was trained.
        names: of the classes, in the order of the logits.
        temperature: what logits are divided by, so that confidence is honest.
        threshold: the least confidence at which an answer is given; None if none is sure enough.
        precision: the share of right answers that the threshold was chosen for.
    """

    base: str
    method: Method
    names: tuple[str, ...]
    temperature: float = 1.0
    threshold: float | None = 0.0
    precision: float = 0.0


class TextClassifier(nn.Module):
    """Reads token ids, gives a logit for each class.

    Args:
        encoder: a model of Hugging Face with `last_hidden_state`; its pooler, if it has one, is
            taken out, because nothing here reads it.
        n_classes: logits that the head gives.
    """

    def __init__(self, encoder: PreTrainedModel, n_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        self.head = nn.Linear(encoder.config.hidden_size, n_classes)

    def features(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the mean over the real tokens, at length 1.

        Args:
            ids: (B, T) int64.
            mask: (B, T) bool, True on real tokens.

        Returns:
            (B, C) of the encoder's dtype.
        """
        hidden = self.encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        real = mask[..., None].to(hidden.dtype)  # (B, T, 1)
        return F.normalize((hidden * real).sum(1) / real.sum(1), dim=-1)

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits (B, n_classes) of features (B, C)."""
        return SCALE * self.head(features)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the logits (B, n_classes) of ids and mask (B, T)."""
        return self.classify(self.features(ids, mask))

    @torch.no_grad()
    def begin_at_class_means(self, features: Tensor, labels: Tensor) -> None:
        """Set the head so that the class with the nearest mean wins (Snell et al. 2017).

        arXiv:1703.05175, section 2.4: -|x - m|^2 / 2 is x m - |m|^2 / 2 and a number that all
        classes share, so it is a linear head. With a random one the first gradients would spoil
        an encoder that is good already.

        Args:
            features: (N, C).
            labels: (N,) int64; a class without any text gets a mean of 0.
        """
        sums = torch.zeros_like(self.head.weight).index_add_(0, labels, features)
        counts = labels.bincount(minlength=len(sums)).clamp(min=1)
        means = sums / counts[:, None]
        self.head.weight.copy_(means)
        self.head.bias.copy_(-means.square().sum(-1) / 2)


def linear_layers(encoder: nn.Module) -> tuple[str, ...]:
    """Return the names of all linear layers: queries, keys, values, outputs and both of the MLP."""
    return tuple(name for name, module in encoder.named_modules() if isinstance(module, nn.Linear))


def prepare(model: TextClassifier, method: Method, r: int, alpha: float) -> AdapterConfig | None:
    """Freeze, quantise and adapt the encoder as a method says; the head trains always.

    Args:
        model: as it is made; changed in place.
        method: see the module.
        r, alpha: of the corrections, which go beside all linear layers. They are rank-stabilised,
            so that one learning rate serves all ranks.

    Returns:
        The corrections' settings, None if there are none.
    """
    model.encoder.requires_grad_(method == "full")
    if method in ("probe", "full"):
        return None
    adapter = AdapterConfig(linear_layers(model.encoder), r=r, alpha=alpha, rslora=True)
    if method == "qlora":
        quantize(model.encoder)
    inject(model.encoder, adapter)
    return adapter


def quantize(encoder: nn.Module) -> None:
    """Put all linear layers into four bits."""
    linear4bit.replace(encoder, linear_layers(encoder), FastLinear4Bit.from_linear)


# -- texts ------------------------------------------------------------------------------------


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Tensor]:
    """Return the ids (T,) of each text, cut at MAX_TOKENS."""
    found = tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
    return [torch.tensor(ids) for ids in found]


@torch.no_grad()
def in_batches(
    model: TextClassifier,
    function: Callable[[Tensor, Tensor], Tensor],
    texts: Sequence[Tensor],
    batch_size: int = 128,
) -> Tensor:
    """Apply `model` or `model.features` to texts of about equal length at a time, without dropout.

    Args:
        model: in evaluation mode meanwhile.
        function: of ids and mask.
        texts: (T,) ids each.
        batch_size: texts at a time.

    Returns:
        (N, ...), in the texts' order.
    """
    training = model.training
    model.eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    starts = range(0, len(order), batch_size)
    parts = [[texts[i] for i in order[start : start + batch_size]] for start in starts]
    found = torch.cat([function(*padding.right(part, value=0)) for part in parts])
    model.train(training)
    return found[torch.tensor(order).argsort()]


# -- folders ----------------------------------------------------------------------------------


def save_folder(
    model: TextClassifier, about: About, adapter: AdapterConfig | None, folder: Path
) -> int:
    """Write what was trained, and what is known about it; return the bytes of the weights' files.

    Args:
        model: after training; only reads.
        about: goes into classifier.json.
        adapter: what `prepare` returned.
        folder: made where it is missing.
    """
    write_text(folder / ABOUT, json.dumps(asdict(about), indent=2) + "\n")
    write_bytes(folder / HEAD, _bytes_of(model.head))
    if about.method == "full":
        write_bytes(folder / ENCODER, _bytes_of(model.encoder))
    if adapter is not None:
        task = "FEATURE_EXTRACTION"
        adapter_files.save(model.encoder, adapter, folder, base=about.base, task_type=task)
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != ABOUT)


def load_folder(
    folder: Path, load_encoder: Callable[[str], Pretrained] = models.load_encoder
) -> tuple[TextClassifier, PreTrainedTokenizerBase, About]:
    """Read a classifier back, in evaluation mode.

    Raises:
        DataError: there is none in this folder, or its encoder is not on this machine.
    """
    if not (folder / ABOUT).is_file():
        raise DataError(f"{folder} holds no classifier; project.intents trains one")
    fields = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    about = About(**fields | {"names": tuple(fields["names"])})
    base = load_encoder(about.base)
    model = TextClassifier(base.model, len(about.names))
    if about.method == "qlora":
        quantize(model.encoder)
    if about.method in ("lora", "qlora"):
        adapter_files.load(model.encoder, folder)
    elif about.method == "full":
        model.encoder.load_state_dict(load((folder / ENCODER).read_bytes()))
    model.head.load_state_dict(load((folder / HEAD).read_bytes()))
    return model.requires_grad_(False).eval(), base.tokenizer, about


def _bytes_of(module: nn.Module) -> bytes:
    return save({name: tensor.contiguous() for name, tensor in module.state_dict().items()})
