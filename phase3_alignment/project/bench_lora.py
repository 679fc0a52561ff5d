"""A training step of GPT-2 with LoRA, ours against peft's: time, and the most memory.

The work: a model of GPT-2's shape (124 M parameters, random), rank 8 beside c_attn in all twelve
blocks, 4 rows of 128 tokens, AdamW, float32, no dropout. All sides begin with the same weights and
the same A, see the same batch, and their losses must agree, step by step.

- peft: `get_peft_model`'s layers, and the loss of transformers, `model(..., labels=labels).loss`.
- ours: our layers and what comes with them: the loss of `solution/head_loss.py`, for which no whole
  table of logits is made, the activation of `project/fast_gelu.py`, and the products of
  `project/fast_linear.py`.
- alike: our layers, and for all else what peft's side does. What is left is LoRA against LoRA.

In the rows called "answers" half of each row is a question, whose tokens do not count: ours takes
no logits there. The goals hold for rows in which every token counts.

The memory is the most that a process holds which does nothing but some of these steps, all its
libraries included; both sides import the same. Run `make phase3-bench`, or `python -m
phase3_alignment.project.bench_lora` for these rows alone.
"""

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from phase3_alignment.project import fast_gelu, fast_linear
from phase3_alignment.solution import adapter_files, head_loss, inject
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.sft import IGNORED
from shared.bench import ROOT, Contender, Row, Timing, interleave, rows_with_threads
from shared.machine import usable_cores

if TYPE_CHECKING:
    from transformers import GPT2Config

MODULE = "phase3_alignment.project.bench_lora"
ADAPTER = AdapterConfig(targets=("c_attn",), r=8, alpha=16.0)
B, T = 4, 128
TURNS, MEMORY_STEPS = 9, 3
GOALS = {"time": 1 / 0.95, "memory": 1.0}
WORK = f"GPT-2 124M, LoRA r = {ADAPTER.r} on c_attn, batch {B} x {T}"
DIFFERENCE = {
    "": "each with its own loss",
    "alike": "loss and activation of transformers on both sides",
    "answers": "half of the tokens count",
}

Step = Callable[[Tensor, Tensor], float]  # one optimiser step on (B, T) ids and labels: its loss


# -- the sides --------------------------------------------------------------------------------


def gpt2() -> "GPT2Config":
    """GPT-2's shape; its dropout is off."""
    from transformers import GPT2Config

    return GPT2Config(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)


def base(config: "GPT2Config") -> nn.Module:
    """Draw the same base each time."""
    from transformers import GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(config)


def adapted(config: "GPT2Config") -> nn.Module:
    """Put our adapter into the base, with the same A each time."""
    model = base(config)
    inject.inject(model, ADAPTER)
    return model


def ours(config: "GPT2Config") -> Step:
    """Our layers, loss, activation and products."""
    model = adapted(config)
    fast_gelu.exchange(model)
    fast_linear.exchange(model)
    return stepper(
        model, lambda ids, labels: head_loss.answer_loss(model, {"input_ids": ids}, labels)
    )


def alike(config: "GPT2Config") -> Step:
    """Our layers, and else what peft's side does."""
    model = adapted(config)
    return stepper(model, lambda ids, labels: model(input_ids=ids, labels=labels).loss)


def with_peft(config: "GPT2Config") -> Step:
    """Layers of peft, with our A: it opens our folder."""
    from peft import PeftModel

    with tempfile.TemporaryDirectory() as folder:
        adapter_files.save(adapted(config), ADAPTER, Path(folder))
        model = PeftModel.from_pretrained(base(config), folder, is_trainable=True)
    return stepper(model, lambda ids, labels: model(input_ids=ids, labels=labels).loss)


SIDES = {"ours": ours, "alike": alike, "peft": with_peft}


def stepper(model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor]) -> Step:
    """Make the step that all sides take."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3)

    def step(ids: Tensor, labels: Tensor) -> float:
        optimizer.zero_grad()
        nats = loss(ids, labels)
        nats.backward()
        optimizer.step()
        return nats.item()

    return step


def make_batch(config: "GPT2Config", only_answers: bool = False) -> tuple[Tensor, Tensor]:
    """Draw ids, and labels of all tokens or of the second half of each row."""
    ids = torch.randint(config.vocab_size, (B, T), generator=torch.Generator().manual_seed(0))
    labels = ids.clone()
    if only_answers:
        labels[:, : T // 2] = IGNORED
    return ids, labels


# -- measuring --------------------------------------------------------------------------------


def times(names: Sequence[str], config: "GPT2Config", only_answers: bool) -> dict[str, Timing]:
    """Time a step of each side, in turns.

    Raises:
        AssertionError: if their losses differ by more than rounding in float32 explains.
    """
    batch = make_batch(config, only_answers)
    losses: dict[str, list[float]] = {name: [] for name in names}

    def contender(name: str) -> Contender:
        step = SIDES[name](config)
        return Contender(name, lambda: losses[name].append(step(*batch)))

    found = interleave([contender(name) for name in names], turns=TURNS, warmup=2)
    for name in names:
        torch.testing.assert_close(losses[name], losses[names[0]], rtol=1e-4, atol=0)
    return found


def child_peak(name: str) -> float:
    """Return the MiB that `print_peak` finds in a process of its own."""
    program = f"from {MODULE} import print_peak; print_peak({name!r})"
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def print_peak(name: str) -> None:
    """Take some steps of one side, and print the most MiB that this process has ever held."""
    if importlib.util.find_spec("peft"):
        import peft  # noqa: F401  # its own code weighs the same on all sides
    config = gpt2()
    step, batch = SIDES[name](config), make_batch(config)
    for _ in range(MEMORY_STEPS):
        step(*batch)
    print(peak_mib())


def peak_mib() -> float:
    """Return the most memory that this process has ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, what `resource` says begins with the parent's peak
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024
    import resource  # Windows has no such module

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


# -- the rows ---------------------------------------------------------------------------------


def rows() -> list[Row]:
    """Measure with all cores, in processes of their own."""
    return rows_with_threads(MODULE, "rows_here", usable_cores())


def rows_here() -> list[Row]:
    """Measure with the number of threads that this process was started with."""
    names = ["ours", "alike"] + ["peft"] * (importlib.util.find_spec("peft") is not None)
    found = times_of_rows(names, gpt2())
    if not importlib.util.find_spec("resource"):
        return found
    peaks = {name: child_peak(name) for name in names}
    return [*found, *(row("memory", kind, peaks) for kind in ("", "alike"))]


def times_of_rows(names: Sequence[str], config: "GPT2Config") -> list[Row]:
    """Compare the times of steps in which all tokens count, and in which half of them do."""
    whole = times(names, config, only_answers=False)
    half = times([name for name in names if name != "alike"], config, only_answers=True)
    whole, half = ({k: 1e3 * t.median for k, t in found.items()} for found in (whole, half))
    return [row("time", "", whole), row("time", "alike", whole), row("time", "answers", half)]


def row(quantity: str, kind: str, values: dict[str, float]) -> Row:
    """Compare ours with peft's; both names of ours are in `values`."""
    unit, runs = ("ms/step", TURNS) if quantity == "time" else ("MiB", 1)
    return Row.compare(
        "-".join(["3-lora", *([kind] if kind else []), quantity]),
        f"{WORK}: {DIFFERENCE[kind]}",
        unit,
        values["alike" if kind == "alike" else "ours"],
        "peft",
        values.get("peft"),
        higher_is_better=False,
        goal=None if kind else GOALS[quantity],
        runs=runs,
    )


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        values = f"{row.ours:8.1f} against {row.peer_value or 0:8.1f} {row.unit}"
        print(f"{row.id:22} {values:36} {row.ratio or 0:5.2f} x")


if __name__ == "__main__":
    main()
