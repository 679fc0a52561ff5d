"""How much of a GPU's rate a training step of GPT-2's size gets: model FLOPs utilisation.

The step is bfloat16 autocast, torch.compile and fused AdamW. The rate is not the datasheet's but
what this GPU does in one large bfloat16 matrix product, measured in turns with the step, so that
a hot or shared GPU lowers both. Without a GPU there are no rows.

Run `make gpu-check`, or `python -m phase2_scaling.project.bench_gpu` for these rows alone.
"""

import torch
from torch import Tensor

from phase2_scaling.solution.counting import flops_per_token, n_parameters
from phase2_scaling.solution.model import GPT, GPTConfig
from shared.bench import Contender, Row, interleave

GPT2_SMALL = GPTConfig(vocab_size=50_304, block_size=1024, n_layer=12, n_head=12, n_embd=768)
BATCH_SIZE = 32  # windows; the logits are the largest tensor, 3.3 GB in bfloat16
SIDE = 8192  # of the square matrices whose product is the rate
GOAL = 0.45
TURNS, NUMBER, WARMUP = 7, 5, 4


class Step:
    """A whole training step: forward, backward, clipping, AdamW."""

    def __init__(self, config: GPTConfig, batch_size: int, device: str, compiled: bool) -> None:
        self.model = GPT(config).to(device)
        self.run = torch.compile(self.model) if compiled else self.model
        fused = device == "cuda"
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=fused)
        self.idx = torch.randint(config.vocab_size, (batch_size, config.block_size), device=device)
        self.device = device

    def __call__(self) -> Tensor:
        """Take the step; return its loss."""
        with torch.autocast(self.device, torch.bfloat16):
            _, loss = self.run(self.idx, self.idx.roll(-1, dims=1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss

    @property
    def flops(self) -> float:
        """Operations of its products, attention as if every score were worked out."""
        return flops_per_token(self.model.config) * self.idx.numel()


def timed(step: Step, side: int) -> tuple[float, float]:
    """Seconds of a step and operations per second of a matrix product, medians."""
    left, right = (
        torch.randn(side, side, device=step.device, dtype=torch.bfloat16) for _ in range(2)
    )

    def waiting(work: object) -> None:
        work()
        if step.device == "cuda":
            torch.cuda.synchronize()

    sides = [
        Contender("step", lambda: waiting(step)),
        Contender("product", lambda: waiting(lambda: left @ right)),
    ]
    found = interleave(sides, turns=TURNS, number=NUMBER, warmup=WARMUP)
    return found["step"].median, 2 * side**3 / found["product"].median


def rows() -> list[Row]:
    """The utilisation of one GPU."""
    if not torch.cuda.is_available():
        return []
    step = Step(GPT2_SMALL, BATCH_SIZE, "cuda", compiled=True)
    seconds, rate = timed(step, SIDE)
    achieved = step.flops / seconds
    tokens_per_s = step.idx.numel() / seconds
    what = (
        f"training step, {n_parameters(GPT2_SMALL) / 1e6:.0f} M parameters, bf16, compiled, "
        f"{tokens_per_s:,.0f} tokens/s"
    )
    return [
        Row.compare(
            "gpu-mfu-124m",
            what,
            "TFLOP/s",
            achieved / 1e12,
            f"one bf16 product, {SIDE} x {SIDE}",
            rate / 1e12,
            higher_is_better=True,
            goal=GOAL,
            runs=TURNS,
        )
    ]


if __name__ == "__main__":
    for row in rows():
        print(f"{row.what}: {row.ours:.1f} of {row.peer_value:.1f} TFLOP/s, {row.ratio:.1%}")
