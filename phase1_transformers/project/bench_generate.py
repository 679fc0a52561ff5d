"""How fast a GPT-2 of 124 M parameters generates on the CPU, against transformers' `generate`.

The work: a prompt of 64 random tokens, then 64 greedy tokens, one text or eight side by side, with
the same random weights on both sides, in float32 and in bfloat16. The goal holds for each of the
four. Both sides keep keys and values. What is compared is what a user gets: the time of the whole
call, its prefill included. Packing the weights (`project/packed.py`) is done once when a model is
loaded, in less than a second, and stands outside the clock.

Both must say the same. In float32 the tokens are equal. In bfloat16 the best scores are often equal
or one rounding apart, and then either is right: every token that ours takes must be the best by the
other's scores, up to the rounding of bfloat16.

The limit: the bytes of all weights, over the rate at which this machine reads memory, for each
token of each text. Run `make phase1-bench`, or `python -m
phase1_transformers.project.bench_generate` for these rows alone.
"""

import importlib.util
import time
from collections.abc import Callable

import torch
from torch import Tensor

from phase1_transformers.project import hub_names
from phase1_transformers.project.packed import pack
from phase1_transformers.solution.config import GPTConfig, gpt2
from phase1_transformers.solution.counting import n_parameters
from phase1_transformers.solution.generate import generate
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import FUSED
from phase1_transformers.solution.sampling import GREEDY
from shared.bench import Contender, Row, interleave, rows_with_threads
from shared.machine import usable_cores

MODULE = "phase1_transformers.project.bench_generate"  # also where this file runs as __main__
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BATCH_SIZES = (1, 8)
PROMPT, NEW = 64, 64  # tokens
TURNS = 5
GOAL = 2.0
PEER = "transformers generate"

Generate = Callable[[Tensor], Tensor]  # (B, PROMPT) ids to (B, NEW)


def ours(model: GPT) -> Generate:
    """Generate with this phase's iterator."""
    return lambda idx: torch.stack(list(generate(model, idx, NEW, sampling=GREEDY)), dim=1)


def with_transformers(peer: torch.nn.Module) -> Generate:
    """Generate as the library's own documentation does."""
    options = {"do_sample": False, "max_new_tokens": NEW, "pad_token_id": 0, "eos_token_id": None}

    def run(idx: Tensor) -> Tensor:  # without a mask it would take every token 0 for padding
        return peer.generate(idx, attention_mask=torch.ones_like(idx), **options)[:, PROMPT:]

    return run


def make_models(config: GPTConfig, dtype: torch.dtype) -> tuple[GPT, torch.nn.Module | None]:
    """Build ours, packed, and transformers' with the same weights, if it is installed."""
    model = GPT(config, FUSED, torch.Generator().manual_seed(0)).to(dtype).eval()
    peer = None
    if importlib.util.find_spec("transformers"):
        from transformers import GPT2Config, GPT2LMHeadModel

        sizes = {"n_layer": config.n_layer, "n_head": config.n_head, "n_embd": config.n_embd}
        peer = GPT2LMHeadModel(GPT2Config(**sizes, vocab_size=config.vocab_size)).to(dtype).eval()
        weights = hub_names.to_hub(dict(model.state_dict()), config)
        peer.load_state_dict(weights, strict=False)  # the tied head is not in there twice
    return pack(model), peer


def prompts(B: int, vocab_size: int) -> Tensor:
    """Draw B prompts, (B, PROMPT)."""
    return torch.randint(vocab_size, (B, PROMPT), generator=torch.Generator().manual_seed(B))


@torch.no_grad()
def require_same(idx: Tensor, new: Tensor, peer: torch.nn.Module) -> None:
    """Check that every token of ours is the best one by the peer's scores, up to rounding.

    Raises:
        AssertionError: if one is not.
    """
    logits = peer(torch.cat([idx, new], dim=1)).logits[:, PROMPT - 1 : -1].double()
    best, taken = logits.amax(dim=-1), logits.gather(-1, new[..., None])[..., 0]
    dtype = next(peer.parameters()).dtype
    # bfloat16: a score is rounded once, and its inputs in each layer; four steps cover both.
    allowed = 4 * torch.finfo(dtype).eps * best.abs()
    behind = (best - taken - allowed).max().item()
    assert behind <= 0, f"a token of ours is {behind:.3g} behind the best by {PEER}"


def read_bandwidth(n_bytes: int = 2**29) -> float:
    """Measure how many bytes a second come out of memory: the best of several sums."""
    numbers = torch.ones(n_bytes // 4)
    seconds = []
    for _ in range(9):
        began = time.perf_counter()
        numbers.sum()
        seconds.append(time.perf_counter() - began)
    return n_bytes / min(seconds)


def rows() -> list[Row]:
    """Time both dtypes and both batch sizes with all cores, in a process of its own."""
    return rows_with_threads(MODULE, "speed_rows", usable_cores())


def speed_rows() -> list[Row]:
    """Time with the number of threads that this process was started with."""
    return [row for dtype in DTYPES for row in rows_of(dtype, gpt2(), read_bandwidth())]


def rows_of(dtype: str, config: GPTConfig, bandwidth: float) -> list[Row]:
    """Time ours and transformers' in turns, at each batch size."""
    model, peer = make_models(config, DTYPES[dtype])
    weight_bytes = n_parameters(config) * DTYPES[dtype].itemsize
    found = []
    for B in BATCH_SIZES:
        idx = prompts(B, config.vocab_size)
        sides = [Contender("ours", lambda idx=idx: ours(model)(idx))]
        if peer is not None:
            require_same(idx, ours(model)(idx), peer)
            sides.append(Contender(PEER, lambda idx=idx: with_transformers(peer)(idx)))
        rates = {k: B * NEW * t.per_second for k, t in interleave(sides, turns=TURNS).items()}
        found.append(
            Row.compare(
                f"1-generate-{dtype}-b{B}",
                f"GPT-2 124M, {PROMPT} + {NEW} greedy tokens, {dtype}, batch {B}",
                "tokens/s",
                rates["ours"],
                PEER,
                rates.get(PEER),
                higher_is_better=True,
                goal=GOAL,
                limit=B * bandwidth / weight_bytes,
                runs=TURNS,
            )
        )
    return found


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        values = f"{row.ours:7.1f} against {row.peer_value or 0:7.1f} {row.unit}"
        print(f"{row.what}: {values}, {row.ratio or 0:.2f} x, limit {row.limit:.0f}")


if __name__ == "__main__":
    main()
