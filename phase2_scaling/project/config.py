"""The settings of a training run, each checked before anything starts, and two recipes.

tiny        this Python's documentation, a minute on two cores
gpt2-124m   GPT-2's shape to the last row of its embedding; wants a GPU and a large text
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from phase2_scaling.solution.model import GPTConfig
from shared.runs import RUNS

N_BYTES = 256

# How a run is carried out, not what it trains: free to change when it is resumed.
CALLS = ("micro_batch_size", "root", "device", "processes", "hang_s", "resume")

POSITIVE = (
    *("block_size", "n_layer", "n_head", "n_embd", "lr", "max_steps", "decay_steps", "grad_clip"),
    *("batch_size", "micro_batch_size", "eval_every", "save_every", "hang_s"),
)


@dataclass(frozen=True)
class Config:
    """Everything that decides a run. `--preset` chooses where the other flags start from."""

    preset: str = "tiny"
    """recipe that gives every setting below its value: tiny or gpt2-124m"""
    data: str = "text"
    """text (embedded), tinyshakespeare, tinystories, a text file, or a data set id of the hub"""
    vocab_size: int = N_BYTES
    """rows of the embedding: the bytes, and in a model of GPT-2's size its other rows, unused"""
    block_size: int = 128
    """T, bytes in a window"""
    n_layer: int = 4
    """blocks"""
    n_head: int = 4
    """heads"""
    n_embd: int = 128
    """C, width of the residual stream"""
    dropout: float = 0.0
    """probability of dropping a number that a sublayer adds"""
    lr: float = 2e-3
    """AdamW's learning rate at its top"""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates"""
    weight_decay: float = 0.1
    """a step shrinks what has two axes by the learning rate times this; nothing else decays"""
    schedule: Literal["cosine", "wsd"] = "wsd"
    """warm-up and half a cosine, or warm-up, plateau and a straight line down"""
    warmup_steps: int = 10
    """steps over which the learning rate rises"""
    decay_steps: int = 50
    """steps over which a wsd schedule comes down"""
    min_lr_share: float = 0.0
    """where the learning rate ends, as a share of its top"""
    max_steps: int = 200
    """training steps"""
    batch_size: int = 32
    """windows in a step, over all processes: a multiple of their number"""
    micro_batch_size: int = 16
    """windows that a process works on at a time; the rest of its share waits for the next ones"""
    grad_clip: float = 1.0
    """longest gradient that is not shortened"""
    mixed_precision: Literal["no", "bf16", "fp16"] | None = None
    """of matrix products; by default as `accelerate launch` was told, and no where it was not"""
    eval_every: int = 50
    """steps between two looks at the whole validation text"""
    save_every: int = 50
    """steps between two checkpoints"""
    seed: int = 0
    """decides weights, order and dropout"""
    name: str = ""
    """folder of the run under <root>/phase2; by default the preset's name"""
    root: Path = RUNS
    """folder of all runs, which every node sees"""
    device: Literal["auto", "cpu"] = "auto"
    """auto (GPUs if there are any) or cpu"""
    processes: int | None = None
    """how many processes there have to be; the run refuses to start with another number"""
    hang_s: float = 300.0
    """seconds without a sign of life from any rank after which the run is given up"""
    resume: bool = False
    """go on from the run's newest checkpoint, on any number of processes"""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.preset)
        if Path(self.name).name != self.name:
            raise ValueError(f"name must be a plain folder name, got {self.name!r}")
        for field in POSITIVE:
            if not getattr(self, field) > 0:
                raise ValueError(f"{field} must be positive, got {getattr(self, field)}")
        for field in ("warmup_steps", "weight_decay", "seed"):
            if not getattr(self, field) >= 0:
                raise ValueError(f"{field} must not be negative, got {getattr(self, field)}")
        for field in ("min_lr_share", "dropout"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"{field} must lie in [0, 1), got {getattr(self, field)}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in [0, 1), got {self.betas}")
        if self.warmup_steps >= self.max_steps:
            raise ValueError(
                f"warmup_steps must be less than max_steps, got {self.warmup_steps} "
                f"and {self.max_steps}"
            )
        if self.vocab_size < N_BYTES:
            raise ValueError(f"vocab_size must be at least {N_BYTES}, got {self.vocab_size}")
        self.model()

    def model(self) -> GPTConfig:
        """The shape of the model.

        Raises:
            ValueError: the shape is impossible.
        """
        return GPTConfig(
            vocab_size=self.vocab_size,
            block_size=self.block_size,
            n_layer=self.n_layer,
            n_head=self.n_head,
            n_embd=self.n_embd,
            dropout=self.dropout,
        )

    def settings(self) -> dict[str, Any]:
        """What decides the losses: everything but how the run is carried out."""
        return {name: value for name, value in asdict(self).items() if name not in CALLS}


TINY = Config()

GPT2 = Config(
    preset="gpt2-124m",
    data="tinystories",
    vocab_size=50_304,  # GPT-2's 50,257 tokens, rounded up to a multiple of 64
    block_size=1024,
    n_layer=12,
    n_head=12,
    n_embd=768,
    lr=6e-4,
    schedule="cosine",
    warmup_steps=700,
    min_lr_share=0.1,
    max_steps=20_000,
    batch_size=512,
    micro_batch_size=16,
    mixed_precision="bf16",
    eval_every=1000,
    save_every=500,
)

PRESETS = {config.preset: config for config in (TINY, GPT2)}
