"""Scaling on paper: predict a training step from few constants, here and on 16,384 GPUs.

    python -m phase2_scaling.project.simulator
    python -m phase2_scaling.project.simulator --no-local --n-layer 32 --n-embd 4096

First the test: steps shared by 1, 2 and 4 processes of this machine are measured, three constants
are fitted to them, and the steps of 8 processes are predicted, measured, and compared. A block's
work is done elsewhere, as on a GPU (see `local_runs.py`): two cores can play eight GPUs so, and
Python and messages are real. Then the use: the same simulator, with the constants of datasheets, on
8 to 16,384 GPUs, for a model and a batch that stay the same. Writes results.json, local.png and
gpus.png to runs/phase2/simulator/.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from phase2_scaling.project import gpu_model, hardware, local_model, local_runs, simulator_figures
from phase2_scaling.project.gpu_model import Forecast
from phase2_scaling.project.hardware import GPU
from phase2_scaling.project.layouts import Layout
from phase2_scaling.project.local_model import Machine, Run
from phase2_scaling.project.local_runs import Parts, Workload
from phase2_scaling.solution.model import GPTConfig
from shared import cli, runs
from shared.files import write_text
from shared.loops import Bar
from shared.machine import usable_cores
from shared.pages import Figure

FITTED, PREDICTED = (2, 4), 8  # processes; a single one gives the seconds of the parts
N_GPUS = [2**i for i in range(3, 15)]  # 8 to 16,384


def small(n_layer: int, n_embd: int) -> GPTConfig:
    """A GPT of 8 heads that reads 32 bytes."""
    return GPTConfig(vocab_size=256, block_size=32, n_layer=n_layer, n_head=8, n_embd=n_embd)


WORKLOADS = (
    Workload("replicas", small(4, 128), wait_s=0.1),  # much to compute, little to send
    Workload("replicas", small(8, 128), wait_s=0.04),  # the other way round
    Workload("stages", small(8, 128), wait_s=0.08, n_micro=8),
    Workload("slices", small(4, 128), wait_s=0.4),
)


@dataclass(frozen=True)
class Config:
    """What to predict."""

    local: bool = True
    """measure, fit and test on this machine first, for a minute or two"""
    rounds: int = 3
    """times that everything is measured in turn; the median counts"""
    steps: int = 5
    """steps of each in a round"""
    gpu: str = "h100"
    """of the cluster: one of `hardware.GPUS`, in servers of eight"""
    n_layer: int = 48
    """blocks of the model"""
    n_embd: int = 7168
    """its width; heads are 128 wide"""
    vocab_size: int = 32_000
    """V"""
    block_size: int = 4096
    """T, tokens of a sequence"""
    batch_sequences: int = 1024
    """of one step, however many GPUs share it"""
    name: str = "simulator"
    """folder of the run under runs/phase2"""

    def __post_init__(self) -> None:
        if min(self.rounds, self.steps, self.batch_sequences) < 1:
            raise ValueError("rounds, steps and batch_sequences must be positive")
        if self.n_embd % 128:
            raise ValueError(f"n_embd must be a multiple of 128, got {self.n_embd}")
        hardware.find(self.gpu)

    @property
    def model(self) -> GPTConfig:
        """The model on the GPUs."""
        return GPTConfig(
            vocab_size=self.vocab_size,
            block_size=self.block_size,
            n_layer=self.n_layer,
            n_head=self.n_embd // 128,
            n_embd=self.n_embd,
            tied=False,
        )


# -- this machine -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Test:
    """What was measured here, and what the fitted constants say about it."""

    machine: Machine
    runs: list[Run]
    measured_s: list[float]

    @property
    def predicted_s(self) -> list[float]:
        """Of each run, by the constants; only those on `PREDICTED` processes were not fitted."""
        return [local_model.predict(run, self.machine) for run in self.runs]

    @property
    def errors(self) -> list[float]:
        """Relative errors of the predictions of what was not fitted."""
        both = zip(self.runs, self.predicted_s, self.measured_s)
        return [p / m - 1 for run, p, m in both if run.n == PREDICTED]


def test_here(config: Config) -> Test:
    """Measure all workloads in turns, fit to those of few processes."""
    sizes = (1, *FITTED, PREDICTED)
    rounds: list[dict[tuple[Workload, int], Parts]] = []
    with Bar("measuring", config.rounds * len(WORKLOADS) * len(sizes), unit="runs") as bar:
        for _ in range(config.rounds):
            rounds.append({})
            for workload in WORKLOADS:
                for n in sizes:
                    rounds[-1][workload, n] = local_runs.measure(workload, n, config.steps)
                    bar.advance()
    parts = {key: local_runs.median([found[key] for found in rounds]) for key in rounds[0]}
    every = [Run(workload, n, parts[workload, 1]) for workload in WORKLOADS for n in sizes]
    measured = [parts[run.workload, run.n] for run in every]
    known = [i for i, run in enumerate(every) if run.n in FITTED]
    machine = local_model.fit(
        [every[i] for i in known], [measured[i] for i in known], usable_cores()
    )
    return Test(machine, every, [parts["all"] for parts in measured])


def report_test(test: Test) -> str:
    """Tell the constants, and each prediction beside its measurement."""
    machine = test.machine
    lines = [
        f"{machine.cores} cores; a message is {1e6 * machine.alpha_s:.0f} us on its way, and keeps "
        f"a core busy for {1e6 * machine.core_s:.0f} us and {1e9 * machine.beta_s_per_byte:.2f} s "
        "per GB",
        f"{'':44}{'processes':>10}{'predicted':>12}{'measured':>12}{'error':>9}",
    ]
    for run, predicted, measured in zip(test.runs, test.predicted_s, test.measured_s):
        if run.n > 1:
            lines.append(
                f"{run.workload!s:44}{run.n:>10}{1000 * predicted:>9.1f} ms"
                f"{1000 * measured:>9.1f} ms{predicted / measured - 1:>+9.1%}"
                + ("" if run.n == PREDICTED else "  fitted")
            )
    worst = max(map(abs, test.errors))
    return "\n".join([*lines, f"on {PREDICTED} processes the largest error is {worst:.1%}"])


# -- many GPUs --------------------------------------------------------------------------------

Forecasts = dict[int, dict[str, Forecast | None]]  # by number of GPUs, then family


def forecast(config: Config) -> Forecasts:
    """Find the best layouts for every number of GPUs."""
    gpu = hardware.find(config.gpu)
    return {n: gpu_model.best_of_each(config.model, gpu, n, config.batch_sequences) for n in N_GPUS}


def report_gpus(forecasts: Forecasts) -> str:
    """Tell the utilisation of each family, and the best layout."""
    lines = [f"{'GPUs':>6}" + "".join(f"{name:>16}" for name in gpu_model.FAMILIES) + "  best"]
    for n, families in forecasts.items():
        cells = [f"{f.mfu:>16.1%}" if f else f"{'-':>16}" for f in families.values()]
        best = families["all three"]
        lines.append(f"{n:>6}" + "".join(cells) + f"  {best.layout if best else 'does not fit'}")
    return "\n".join(lines)


def draw_gpus(config: Config, forecasts: Forecasts, folder: Path) -> Path:
    """Write gpus.png."""
    what = title(config, hardware.find(config.gpu))
    n_tokens = config.batch_sequences * config.block_size
    return simulator_figures.draw_gpus(forecasts, n_tokens, what, folder / "gpus.png")


def title(config: Config, gpu: GPU) -> str:
    """Name the model, the batch and the hardware."""
    n_params = 12 * config.n_layer * config.n_embd**2
    return f"{n_params / 1e9:.0f}B parameters, {config.batch_sequences:,} sequences, {gpu.name}"


def draw(folder: Path) -> Figure:
    """Forecast the default model, which takes seconds and measures nothing, and show it."""
    config = Config()
    forecasts = forecast(config)
    path = draw_gpus(config, forecasts, folder)
    return Figure(
        path,
        "The same step on more and more GPUs, simulated",
        f"{title(config, hardware.find(config.gpu))}. {last_alone(forecasts)} "
        "Constants are those of the datasheets; nothing here was run on a GPU.",
    )


def last_alone(forecasts: Forecasts) -> str:
    """Say in a sentence how far replicas alone go, and where more cuts are better."""
    alone = [n for n, families in forecasts.items() if families["replicas alone"]]
    cut = [
        n
        for n, families in forecasts.items()
        if families["all three"] and families["all three"].layout not in uncut(families)
    ]
    ends = f"Replicas alone reach {max(alone):,} GPUs" if alone else "Replicas alone never fit"
    if not cut:
        return f"{ends}; more cuts are never faster."
    return f"{ends}; more cuts are faster on {', '.join(f'{n:,}' for n in cut)}."


def uncut(families: dict[str, Forecast | None]) -> list[Layout]:
    """List the layout of the replicas alone, if there is one."""
    found = families["replicas alone"]
    return [found.layout] if found else []


def main(config: Config) -> None:
    """Test, forecast, write."""
    with runs.start("phase2", config.name, config) as run:
        results: dict = {}
        if config.local:
            test = test_here(config)
            print(report_test(test))
            simulator_figures.draw_test(
                test.runs, test.predicted_s, test.measured_s, run.path / "local.png"
            )
            results |= {"machine": asdict(test.machine), "errors": test.errors}
        forecasts = forecast(config)
        print(f"\n{title(config, hardware.find(config.gpu))}: model FLOPs utilisation")
        print(report_gpus(forecasts))
        print(last_alone(forecasts))
        results["gpus"] = {
            n: {name: f and {"layout": str(f.layout), "mfu": f.mfu} for name, f in found.items()}
            for n, found in forecasts.items()
        }
        write_text(run.path / "results.json", json.dumps(results, indent=1))
        print(f"the figure: {draw_gpus(config, forecasts, run.path)}")


if __name__ == "__main__":
    cli.run(__spec__.name)
