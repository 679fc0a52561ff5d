"""A training run on disk: config, metrics, checkpoints.

    runs/<phase>/<name>/
        config.json                      what the run was started with
        metrics.jsonl                    one JSON object a line, appended
        tensorboard/                     the same curves, if asked for
        checkpoints/step-00000100/       arrays.safetensors and state.json

A checkpoint is written under a temporary name, fsynced and renamed: it is there whole or not at
all, and `kill -9` or a full disk leave the previous one as it was. Leaves out torch tensors: a
phase that has them converts, or writes its own `arrays`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.files import sync_folder, write_bytes, write_text

RUNS = Path(__file__).resolve().parents[1] / "runs"
KEPT_CHECKPOINTS = 2  # the newest, and one to fall back on


class RunError(ValueError):
    """A run folder that cannot be used; the message is one line with the mend."""


@dataclass(frozen=True)
class Checkpoint:
    """What a training loop needs to go on after `step` steps."""

    step: int
    arrays: dict[str, np.ndarray]
    state: dict[str, Any]


class Run:
    """One run folder, open for writing. Make it with `start` or `resume`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metrics = (path / "metrics.jsonl").open("ab")
        self._tensorboard = None

    def log(self, **record: Any) -> None:
        """Append one record to metrics.jsonl; it survives the death of the process at once."""
        self._metrics.write(json.dumps(record, default=_plain).encode() + b"\n")
        self._metrics.flush()
        if self._tensorboard and "step" in record:
            for name, value in record.items():
                if name != "step" and isinstance(value, int | float):
                    self._tensorboard.add_scalar(name, value, record["step"])

    def show_in_tensorboard(self, from_step: int = 0) -> None:
        """Also write every number that is logged with a step to `tensorboard/`, a curve each.

        Args:
            from_step: steps done by an earlier process; what it wrote after them is dropped.
        """
        from tensorboardX import SummaryWriter

        self._tensorboard = SummaryWriter(str(self.path / "tensorboard"), purge_step=from_step + 1)

    def save(self, step: int, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> Path:
        """Write the checkpoint of `step`; when this returns, not even a power cut takes it back.

        A step that is saved already stays as it is: the same run gives the same checkpoint.

        Args:
            step: steps done so far.
            arrays: parameters and optimiser state by name, any shape and dtype of NumPy.
            state: whatever else the loop needs, as JSON (counters, a generator's state).
        """
        os.fsync(self._metrics.fileno())
        final = self.path / "checkpoints" / f"step-{step:08d}"
        if final.exists():
            return final
        temporary = final.with_name(f"{final.name}.{os.getpid()}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            _write_checkpoint(temporary, step, arrays, state, self._metrics.tell())
            temporary.rename(final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(final.parent)
        for old in _checkpoints(self.path)[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old)
        return final

    def close(self) -> None:
        """Flush metrics.jsonl to the disk and close it."""
        if not self._metrics.closed:
            os.fsync(self._metrics.fileno())
            self._metrics.close()
        if self._tensorboard:
            self._tensorboard.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start(phase: str, name: str, config: Any, root: Path = RUNS) -> Run:
    """Open a fresh run; a former one of this name is kept as `<name>.previous`.

    Args:
        phase: folder under `root`, such as "phase0".
        name: the run's own folder.
        config: a dataclass or a mapping that JSON can hold.
    """
    path = root / phase / name
    if path.exists():
        previous = path.with_name(f"{name}.previous")
        shutil.rmtree(previous, ignore_errors=True)
        path.rename(previous)
    path.mkdir(parents=True)
    write_text(path / "config.json", json.dumps(as_json(config), indent=2))
    return Run(path)


def resume(phase: str, name: str, config: Any, root: Path = RUNS) -> tuple[Run, Checkpoint]:
    """Open a run where its newest checkpoint stands; later metrics are dropped, they come again.

    Raises:
        RunError: there is no such run or checkpoint, the config differs, or a file is damaged.
    """
    path = root / phase / name
    saved = _checkpoints(path)
    if not saved:
        raise RunError(f"nothing to resume: {path} has no checkpoint; start without --resume")
    _require_same_config(path, as_json(config))
    checkpoint, metrics_bytes = _read_checkpoint(saved[-1])
    metrics = path / "metrics.jsonl"
    if metrics.stat().st_size < metrics_bytes:
        raise RunError(f"{metrics} is shorter than at the checkpoint; start without --resume")
    os.truncate(metrics, metrics_bytes)
    for unfinished in (path / "checkpoints").glob("*.tmp"):
        shutil.rmtree(unfinished)
    return Run(path), checkpoint


def has_begun(path: Path) -> bool:
    """Whether a run's folder has a whole checkpoint, so that it can be resumed."""
    return bool(_checkpoints(path))


def was_started_with(path: Path, config: Any) -> bool:
    """Whether a run's folder is there, and the run was started with this config."""
    file = path / "config.json"
    return file.is_file() and json.loads(file.read_bytes()) == as_json(config)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a run's newest checkpoint, for evaluation or export.

    Raises:
        RunError: there is none, or it is damaged.
    """
    saved = _checkpoints(path)
    if not saved:
        raise RunError(f"no checkpoint under {path}")
    return _read_checkpoint(saved[-1])[0]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole records of a run's metrics.jsonl; a last line cut short by a crash is left out."""
    lines = (path / "metrics.jsonl").read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]


def as_json(config: Any) -> dict[str, Any]:
    """A config (dataclass or mapping) as the plain values that JSON gives back."""
    plain = asdict(config) if is_dataclass(config) else dict(config)
    return json.loads(json.dumps(plain, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"JSON has no form for {type(value).__name__}: {value!r}")


def _checkpoints(path: Path) -> list[Path]:
    """Whole checkpoints, oldest first; the names sort by step."""
    found = (path / "checkpoints").glob("step-*")
    return sorted(folder for folder in found if folder.suffix != ".tmp")


def _write_checkpoint(
    folder: Path, step: int, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any], mark: int
) -> None:
    from safetensors.numpy import save

    data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    record = {
        "step": step,
        "metrics_bytes": mark,
        "arrays_sha256": hashlib.sha256(data).hexdigest(),
        "state": dict(state),
    }
    write_bytes(folder / "arrays.safetensors", data)
    write_text(folder / "state.json", json.dumps(record, default=_plain))


def _read_checkpoint(folder: Path) -> tuple[Checkpoint, int]:
    from safetensors.numpy import load

    try:
        record = json.loads((folder / "state.json").read_bytes())
        data = (folder / "arrays.safetensors").read_bytes()
        whole = hashlib.sha256(data).hexdigest() == record["arrays_sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(folder, str(error)) from None
    if not whole:
        raise _damaged(folder, "arrays.safetensors differs from its checksum")
    return Checkpoint(record["step"], load(data), record["state"]), record["metrics_bytes"]


def _damaged(folder: Path, why: str) -> RunError:
    return RunError(f"checkpoint {folder} is damaged ({why}); delete it to use the one before")


def _require_same_config(path: Path, config: dict[str, Any]) -> None:
    before = json.loads((path / "config.json").read_bytes())
    changed = [key for key in sorted({*before, *config}) if before.get(key) != config.get(key)]
    if changed:
        told = ", ".join(f"{key} {before.get(key)!r} -> {config.get(key)!r}" for key in changed)
        raise RunError(f"--resume needs the settings of the run it resumes; changed: {told}")
