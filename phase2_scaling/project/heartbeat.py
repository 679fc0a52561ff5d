"""Signs of life: every rank tells where it is, and each watches all of them.

A rank that dies is seen by the launcher. One that hangs is not: the others wait for it inside a
collective, by default for half an hour, and the message that ends their wait does not say who was
missing. Here each rank counts its beats in a file of its own. All ranks take the same steps, so
when no count has moved for some time, those that have counted least are the ones that hang; all
others wait for them.

The files lie in the run's folder, which all nodes have to see, as they do for the checkpoints.
Nobody's clock is compared with anybody else's.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

EXIT_HUNG = 3
CHECKS_IN_LIMIT = 10


class Heartbeat:
    """This rank's beats, and a thread that watches everybody's until `stop`.

    Args:
        folder: where the files are, the same for all ranks.
        rank: this one.
        world_size: how many there are.
        limit_s: silence of all ranks after which the process ends with `EXIT_HUNG`.
    """

    def __init__(self, folder: Path, rank: int, world_size: int, limit_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.rank, self.world_size, self.limit_s = folder, rank, world_size, limit_s
        self._file = (folder / f"rank-{rank}.json").open("wb", buffering=0)
        self._beats = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to watch; every rank's file has to be there."""
        self._thread.start()

    def beat(self, step: int, doing: str) -> None:
        """Tell that this rank has come to something new, such as "loading" in a step."""
        self._beats += 1
        told = {"beats": self._beats, "pid": os.getpid(), "step": step, "doing": doing}
        # One write of one length: whoever reads in between sees the old beat or the new one.
        os.pwrite(self._file.fileno(), json.dumps(told).ljust(128).encode(), 0)

    def stop(self) -> None:
        """End the watch: what comes now may take its time."""
        self._stopped.set()
        self._file.close()

    def _watch(self) -> None:
        seen, moved = read_beats(self.folder, self.world_size), time.monotonic()
        while not self._stopped.wait(self.limit_s / CHECKS_IN_LIMIT):
            now = read_beats(self.folder, self.world_size)
            if now != seen:
                seen, moved = now, time.monotonic()
            elif time.monotonic() - moved > self.limit_s:
                self._give_up(now)

    def _give_up(self, beats: list[dict]) -> None:
        if speaker(beats) == self.rank:
            print(f"error: {diagnosis(beats, self.limit_s)}", file=sys.stderr, flush=True)
        else:
            time.sleep(1.0)  # the first to end makes the launcher end the others: let it speak
        os._exit(EXIT_HUNG)  # the main thread sits in a collective and hears no exception


def read_beats(folder: Path, world_size: int) -> list[dict]:
    """Read every rank's last beat; a rank that has not begun has 0 beats."""
    beats = []
    for rank in range(world_size):
        try:
            beats.append(json.loads((folder / f"rank-{rank}.json").read_bytes()))
        except (OSError, ValueError):
            beats.append({"beats": 0, "pid": None, "step": 0, "doing": "starting"})
    return beats


def hanging(beats: list[dict]) -> list[int]:
    """Name the ranks that are furthest behind; all of them, if they are all at one place."""
    least = min(beat["beats"] for beat in beats)
    return [rank for rank, beat in enumerate(beats) if beat["beats"] == least]


def speaker(beats: list[dict]) -> int:
    """Choose the rank that reports: the first that does not hang itself, if there is one."""
    hung = hanging(beats)
    return next((rank for rank in range(len(beats)) if rank not in hung), 0)


def diagnosis(beats: list[dict], limit_s: float) -> str:
    """Say in one line who hangs where."""
    hung = hanging(beats)
    where = beats[hung[0]]
    who = f"rank {hung[0]} hangs" if len(hung) == 1 else f"ranks {hung} hang"
    waiting = "" if len(hung) == len(beats) else "; the others wait for it"
    return (
        f"{who} in step {where['step'] + 1}, {where['doing']}: no sign of life for {limit_s:g} s"
        f"{waiting}"
    )
