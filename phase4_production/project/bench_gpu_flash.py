"""Causal attention on a GPU: our Triton kernels against what PyTorch and others have.

The work is that of FlashAttention-2's own figures (Dao 2023, section 4.1): bfloat16, 16,384 tokens
in sequences of T, 2,048 features in heads of D. A product of two numbers and its sum count as two
operations, scores behind the causal mask as none, and the backward pass as 2.5 forwards. The goals
hold against PyTorch's flash backend, which is FlashAttention-2; cuDNN and the flash-attn package
stand beside it where they are installed. The limit is what one large bfloat16 product reaches,
measured in turns with the rest.

Run `make gpu-check`, or `python -m phase4_production.project.bench_gpu_flash` for these rows alone.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from shared.bench import Contender, Row, interleave

LENGTHS, HEAD_SIZES = (1024, 4096, 16_384), (64, 128)
TOKENS, FEATURES = 16_384, 2048
SIDE = 8192  # of the square matrices whose product is the limit
CALLS, TURNS = 10, 7
GOALS = {"forward": 0.9, "forward and backward": 0.8}
PEERS = {"flash": "PyTorch's flash backend", "cudnn": "cuDNN", "flash-attn": "flash-attn"}

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # q, k, v (B, H, T, D) to O, causal


# -- the sides --------------------------------------------------------------------------------


def ours() -> Attend:
    """Our kernels; Triton is imported here, since a machine without a GPU may not have it."""
    from phase4_production.project.triton_flash_backward import attention

    return lambda q, k, v: attention(q, k, v, causal=True)


def torch_with(backend: SDPBackend) -> Attend:
    """One of PyTorch's own."""

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    return attend


def flash_attn() -> Attend:
    """The package of the paper's authors, which has heads between tokens."""
    from flash_attn import flash_attn_func

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        between = (t.transpose(1, 2) for t in (q, k, v))
        return flash_attn_func(*between, causal=True).transpose(1, 2)

    return attend


def sides(q: Tensor, k: Tensor, v: Tensor) -> dict[str, Attend]:
    """Find those that can do this work here."""
    found = {
        "ours": ours(),
        "flash": torch_with(SDPBackend.FLASH_ATTENTION),
        "cudnn": torch_with(SDPBackend.CUDNN_ATTENTION),
    }
    if importlib.util.find_spec("flash_attn"):
        found["flash-attn"] = flash_attn()
    try:
        found["cudnn"](q, k, v)
    except RuntimeError:  # PyTorch without cuDNN, or one that is too old for this
        del found["cudnn"]
    return found


# -- measuring --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Causal attention of `TOKENS` tokens in sequences of T, heads of D features."""

    T: int
    D: int
    backward: bool

    @property
    def name(self) -> str:
        """What is done."""
        return "forward and backward" if self.backward else "forward"

    @property
    def flops(self) -> float:
        """Of the two products of the forward, half of them masked; and 2.5 times that."""
        return 4 * TOKENS * (self.T / 2) * FEATURES * (3.5 if self.backward else 1)

    def draw(self, device: str) -> list[Tensor]:
        """Draw q, k, v and the gradient of O."""
        shape = (TOKENS // self.T, FEATURES // self.D, self.T, self.D)
        return [torch.randn(shape, device=device, dtype=torch.bfloat16) for _ in range(4)]

    def job(self, attend: Attend, q: Tensor, k: Tensor, v: Tensor, do: Tensor) -> Callable:
        """Make the work of one call, which returns O or the gradients."""
        if not self.backward:
            return lambda: (attend(q, k, v),)
        leaves = [t.detach().requires_grad_() for t in (q, k, v)]
        return lambda: torch.autograd.grad(attend(*leaves), leaves, do)


def require_same(results: dict[str, tuple[Tensor, ...]]) -> None:
    """Compare each side with ours.

    Raises:
        AssertionError: if they differ by more than bfloat16 explains.
    """
    for result in results.values():
        for one, other in zip(results["ours"], result):
            error = (one.float() - other.float()).norm() / other.float().norm()
            assert error < 1e-2, f"results differ by {error:.1%}"


def rates(jobs: dict[str, Callable], device: str) -> dict[str, float]:
    """Return the calls a second of each job, from the median of turns of `CALLS` calls."""

    def contender(name: str) -> Contender:
        def run() -> None:
            for _ in range(CALLS):
                jobs[name]()
            if device == "cuda":
                torch.cuda.synchronize()

        return Contender(name, run)

    found = interleave([contender(name) for name in jobs], turns=TURNS)
    return {name: CALLS * timing.per_second for name, timing in found.items()}


def rows_of(
    work: Work, attends: dict[str, Attend] | None = None, device: str = "cuda"
) -> list[Row]:
    """Measure one kind of work; a row for each peer."""
    inputs = work.draw(device)
    attends = attends or sides(*inputs[:3])
    jobs = {name: work.job(attend, *inputs) for name, attend in attends.items()}
    require_same({name: job() for name, job in jobs.items()})
    left, right = (torch.randn(SIDE, SIDE, device=device, dtype=torch.bfloat16) for _ in range(2))
    found = rates(jobs | {"product": lambda: left @ right}, device)
    tflops = {name: work.flops * found[name] / 1e12 for name in jobs}
    return [
        Row.compare(
            f"gpu-flash-{'train' if work.backward else 'forward'}-d{work.D}-t{work.T}-{peer}",
            f"causal attention, {work.name}, bf16, D = {work.D}, T = {work.T:,}",
            "TFLOP/s",
            tflops["ours"],
            label,
            tflops.get(peer),
            higher_is_better=True,
            goal=GOALS[work.name] if peer == "flash" else None,
            limit=2 * SIDE**3 * found["product"] / 1e12,
            runs=TURNS,
        )
        for peer, label in PEERS.items()
    ]


def rows() -> list[Row]:
    """Measure all; no rows without a GPU and Triton."""
    if not (torch.cuda.is_available() and importlib.util.find_spec("triton")):
        return []
    works = [Work(T, D, bw) for D in HEAD_SIZES for T in LENGTHS for bw in (False, True)]
    return [row for work in works for row in rows_of(work)]


if __name__ == "__main__":
    for row in rows():
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
        share = row.ours / row.limit
        print(f"{row.what}: {row.ours:.0f} TFLOP/s, {share:.0%} of a product, {ratio} x {row.peer}")
