"""The settings of a training run, each checked before anything starts.

The values here are those of no run in particular; the recipes are in `presets.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from phase1_transformers.solution.config import GPTConfig, gpt2, modern

CALLS = ("resume", "tensorboard", "device")  # how a program is called, not what it trains

POSITIVE = (
    *("vocab_size", "block_size", "n_layer", "n_head", "n_embd", "lr", "muon_lr", "grad_clip"),
    *("max_steps", "decay_steps", "batch_size", "grad_accum_steps", "eval_every"),
)


@dataclass(frozen=True)
class Config:
    """Everything that decides a run. `--preset` chooses where the other flags start from."""

    preset: str = "tiny"
    """recipe that gives every setting below its value: see `presets.py`"""
    data: str = "text"
    """text (embedded), tinyshakespeare, tinystories, a text file, or a data set id of the hub"""
    tokenizer: Literal["char", "bpe", "unigram", "gpt2"] = "bpe"
    """char, bpe or unigram are trained on the training text; gpt2 is OpenAI's"""
    vocab_size: int = 1024
    """tokens of a bpe or unigram tokenizer, special ones included"""
    architecture: Literal["gpt2", "modern"] = "modern"
    """GPT-2's, or Qwen3's"""
    block_size: int = 256
    """T, tokens in a window"""
    n_layer: int = 4
    """blocks"""
    n_head: int = 4
    """query heads"""
    n_kv_head: int | None = None
    """key and value heads; by default as many as query heads"""
    n_embd: int = 128
    """C, width of the residual stream"""
    n_hidden: int | None = None
    """width of the feed-forward layer; by default the architecture's multiple of n_embd"""
    tied: bool = True
    """whether the output head is the embedding table"""
    rope_theta: float = 10_000.0
    """base of the rotary angles; a short window does with a small one"""
    dropout: float = 0.0
    """probability of dropping an activation"""
    zero_init: bool = False
    """start with blocks that add nothing, and a head that prefers nothing"""
    optimizer: Literal["adamw", "muon"] = "muon"
    """muon moves the blocks' matrices by Muon and the rest by AdamW"""
    lr: float = 3e-3
    """AdamW's learning rate at its top"""
    muon_lr: float = 0.02
    """Muon's learning rate at its top"""
    momentum: float = 0.95
    """share of Muon's running mean that stays"""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates"""
    weight_decay: float = 0.1
    """a step shrinks what has two axes by the learning rate times this"""
    schedule: Literal["cosine", "wsd"] = "wsd"
    """warm-up and half a cosine, or warm-up, plateau and a straight line down"""
    warmup_steps: int = 0
    """steps over which the learning rates rise"""
    decay_steps: int = 500
    """steps over which a wsd schedule comes down"""
    min_lr_share: float = 0.0
    """where the learning rates end, as a share of their tops"""
    max_steps: int = 500
    """training steps"""
    batch_size: int = 16
    """B, windows in a micro-batch"""
    grad_accum_steps: int = 1
    """micro-batches in a step"""
    grad_clip: float = 1.0
    """longest gradient that is not shortened"""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """of matrix products in training; auto is bfloat16 where the machine has instructions for it"""
    compile: bool = False
    """torch.compile the model: a minute at the start, which long runs on a GPU win back"""
    eval_every: int = 100
    """steps between two looks at the whole validation text, each with a sample and a checkpoint"""
    sample_tokens: int = 100
    """length of each sample; 0 for none"""
    prompt: str = "\n"
    """what the samples begin with"""
    seed: int = 0
    """decides weights, batches, dropout and samples"""
    name: str = ""
    """folder of the run under runs/phase1; by default the preset's name"""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, mps"""
    resume: bool = False
    """go on from the run's newest checkpoint"""
    tensorboard: bool = False
    """also write the curves for TensorBoard, to runs/phase1/<name>/tensorboard"""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.preset)
        if Path(self.name).name != self.name:
            raise ValueError(f"name must be a plain folder name, got {self.name!r}")
        self._require_positive()
        self._require_fitting_schedule()
        self.model(vocab_size=max(self.vocab_size, 1))

    def model(self, vocab_size: int) -> GPTConfig:
        """The shape of the model, for a tokenizer of that size.

        Raises:
            ValueError: the shape is impossible.
        """
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd must be a multiple of n_head, got {self.n_embd} and {self.n_head}"
            )
        shape = {
            "vocab_size": vocab_size,
            "block_size": self.block_size,
            "n_layer": self.n_layer,
            "n_head": self.n_head,
            "n_embd": self.n_embd,
            "dropout": self.dropout,
        }
        if self.architecture == "gpt2":
            return gpt2(**shape)
        return modern(
            **shape,
            n_kv_head=self.n_kv_head,
            n_hidden=self.n_hidden,
            rope_theta=self.rope_theta,
            tied=self.tied,
        )

    @property
    def tokens_per_step(self) -> int:
        """Tokens that a training step predicts."""
        return self.batch_size * self.grad_accum_steps * self.block_size

    def settings(self) -> dict[str, Any]:
        """What decides the losses: everything but how the program was called."""
        return {name: value for name, value in asdict(self).items() if name not in CALLS}

    def _require_positive(self) -> None:
        for field in POSITIVE:
            if not getattr(self, field) > 0:
                raise ValueError(f"{field} must be positive, got {getattr(self, field)}")
        for field in ("warmup_steps", "weight_decay", "sample_tokens", "seed"):
            if not getattr(self, field) >= 0:
                raise ValueError(f"{field} must not be negative, got {getattr(self, field)}")
        for field in ("min_lr_share", "dropout", "momentum"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"{field} must lie in [0, 1), got {getattr(self, field)}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in [0, 1), got {self.betas}")

    def _require_fitting_schedule(self) -> None:
        if self.warmup_steps >= self.max_steps:
            raise ValueError(
                f"warmup_steps must be less than max_steps, got {self.warmup_steps} "
                f"and {self.max_steps}"
            )
