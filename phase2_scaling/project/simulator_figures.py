"""The two figures of `simulator.py`: this machine's test, and the forecast for many GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from phase2_scaling.project import gpu_model
from phase2_scaling.project.gpu_model import Forecast
from phase2_scaling.project.local_model import Run
from shared.drawing import COLOURS, GREY, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW, MANY = 6, 11  # between them lie the processes whose steps were predicted
PALE = {"color": GREY, "alpha": 0.3, "lw": 8}  # what contains all other families


def draw_test(
    runs: Sequence[Run], predicted_s: Sequence[float], measured_s: Sequence[float], path: Path
) -> Path:
    """Draw prediction and measurement against the number of processes, by workload."""
    workloads = list(dict.fromkeys(run.workload for run in runs))
    sizes = sorted({run.n for run in runs})

    from matplotlib.ticker import LogLocator

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        for workload, colour in zip(workloads, COLOURS):
            rows = zip(runs, predicted_s, measured_s)
            n, predicted, measured = zip(
                *((run.n, 1000 * p, 1000 * m) for run, p, m in rows if run.workload == workload)
            )
            axes.plot(n, predicted, color=colour, label=str(workload))
            axes.plot(n, measured, "o", color=colour)
        axes.axvspan(FEW, MANY, color=GREY, alpha=0.12, lw=0)
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="processes",
            ylabel="milliseconds of a step",
            xlim=(0.9, 9),
            title="A step here: lines predicted, points measured; what lies in grey was not fitted",
        )
        axes.set_xticks(sizes, sizes)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.legend(fontsize=8)

    return write_figure(path, (8, 4.5), fill)


def draw_gpus(
    forecasts: Mapping[int, Mapping[str, Forecast | None]], n_tokens: int, title: str, path: Path
) -> Path:
    """Draw throughput and utilisation against the number of GPUs, a line for each family.

    Args:
        forecasts: by number of GPUs, then by family.
        n_tokens: of a step.
        title: names model, batch and hardware.
        path: of the PNG.
    """

    def fill(figure: Figure) -> None:
        speed, use = figure.subplots(1, 2)
        for i, (name, colour) in enumerate(zip(gpu_model.FAMILIES, COLOURS)):
            found = [(n, f[name]) for n, f in forecasts.items() if f[name]]
            n = [n for n, _ in found]
            # Families contain each other, so lines lie on each other: the smallest family on top.
            style = {"color": colour, "lw": 2, "marker": "o", "markersize": 4}
            style = {**(PALE if name == "all three" else style), "zorder": -i, "label": name}
            speed.plot(n, [n_tokens / f.seconds for _, f in found], **style)
            use.plot(n, [100 * f.mfu for _, f in found], **style)
        before = 0.0
        for n, families in forecasts.items():
            best = families["all three"]
            label_cuts(use, n, best, rising=bool(best) and best.mfu > before)
            before = best.mfu if best else 0.0
        speed.set(yscale="log", ylabel="tokens a second", title=title)
        use.set(ylabel="model FLOPs utilisation (%)", ylim=(0, 70), title="the same, per GPU")
        for axes in (speed, use):
            ticks = list(forecasts)[::2]
            axes.set(xscale="log", xlabel="GPUs", xlim=(0.8 * min(forecasts), 3 * max(forecasts)))
            axes.set_xticks(ticks, [f"{n:,}" for n in ticks], fontsize=8)
            axes.minorticks_off()
        speed.legend()

    return write_figure(path, (11, 4.4), fill)


def label_cuts(axes: Axes, n: int, best: Forecast | None, rising: bool) -> None:
    """Write beside a point, off its line, how layers and depth are cut there, if they are."""
    if best and best.layout.tp * best.layout.pp > 1:
        text = f"tp {best.layout.tp}, pp {best.layout.pp}"
        beside = {"xytext": (3, 7), "ha": "right"} if rising else {"xytext": (7, 2)}
        axes.annotate(text, (n, 100 * best.mfu), textcoords="offset points", fontsize=8, **beside)
