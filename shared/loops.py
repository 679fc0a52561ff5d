"""What a training loop shows and hears: a progress line with loss, rate and time left, and Ctrl-C.

On a terminal the line is a rich progress bar; anywhere else (a log file, CI, a pipe) it is a plain
line every few seconds, so that nothing depends on colour, cursor movement or UTF-8.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_EVERY_S = 5.0


class Bar:
    """A context manager that shows how far a loop is.

    Args:
        label: what is going on, such as "training".
        total: steps in all.
        done: steps done by an earlier, resumed process.
        unit: what `per_step` counts, such as "images" or "tokens".
        per_step: units a step works through; the rate shown is units a second.
    """

    def __init__(
        self, label: str, total: int, *, done: int = 0, unit: str = "steps", per_step: float = 1.0
    ) -> None:
        self.label, self.total, self.unit, self.per_step = label, total, unit, per_step
        self._first = self._done = done
        self._values = ""
        self._console = Console()
        self._rich = self._console.is_terminal

    def __enter__(self) -> "Bar":
        self._began = self._told = time.monotonic()
        if self._rich:
            self._progress = _columns(self._console)
            self._task = self._progress.add_task(
                self.label, total=self.total, completed=self._done, values="", rate=""
            )
            self._progress.start()
        return self

    def advance(self, steps: int = 1, **values: float) -> None:
        """Count steps and show the newest values, such as `loss=0.31`."""
        self._done += steps
        if values:
            self._values = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        if self._rich:
            self._progress.update(
                self._task, completed=self._done, values=self._values, rate=self._rate()
            )
        elif time.monotonic() - self._told > PLAIN_EVERY_S:
            self._tell()

    def note(self, text: str) -> None:
        """Print a line of its own above the bar, such as an epoch's accuracy."""
        self._console.print(text, highlight=False, markup=False)

    def __exit__(self, *_: object) -> None:
        if self._rich:
            self._progress.stop()
        else:
            self._tell()

    def _rate(self) -> str:
        elapsed = max(time.monotonic() - self._began, 1e-9)
        return f"{(self._done - self._first) * self.per_step / elapsed:,.0f} {self.unit}/s"

    def _tell(self) -> None:
        self._told = time.monotonic()
        steps = self._done - self._first
        left = (self.total - self._done) * (self._told - self._began) / max(steps, 1)
        parts = [f"{self.label} {self._done}/{self.total}", self._values, self._rate()]
        if 0 < self._done < self.total:
            parts.append(f"{left:.0f} s left")
        self._console.print("  ".join(part for part in parts if part), highlight=False)


class Interrupt:
    """False until Ctrl-C was pressed, then true."""

    def __init__(self) -> None:
        self.requested = False

    def __bool__(self) -> bool:
        return self.requested


@contextmanager
def stop_on_interrupt() -> Iterator[Interrupt]:
    """Turn Ctrl-C into a flag, so that the loop ends its step and saves; a second one breaks."""
    interrupt = Interrupt()

    def ask(signum: int, frame: object) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


def _columns(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[values]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        console=console,
    )
