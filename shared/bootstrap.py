"""Make `.venv` and install what the course needs, once; after that, do nothing, quickly.

Standard library only, and no newer syntax than an old `python3` can read, so that it can say what
is wrong there. Run `python -m shared.bootstrap`; `shared.course` calls `reexec()` by itself.

COURSE_NO_VENV=1 uses the running Python as it is (a container that has everything already).
UV=1 brings in uv if it is not on the PATH; a uv on the PATH is used anyway.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "constraints.txt"
STAMP = VENV / ".course-installed"
NEEDS = (3, 11)
EXTRAS = "dev,bench"


class SetupError(Exception):
    """Setting up failed; the message is one line with the mend."""


def reexec(install: bool = True) -> None:
    """Go on in `.venv`, made first where it is missing; returns only once inside it.

    Args:
        install: False stays in the running Python when `.venv` is not ready (for the doctor).
    """
    if not enter(install) or Path(sys.prefix).resolve() == VENV.resolve():
        return
    command = [str(venv_python()), *_own_arguments()]
    if os.name == "nt":  # exec there returns to the shell at once, before the program ends
        raise SystemExit(subprocess.run(command, check=False).returncode)
    sys.stdout.flush()
    os.execv(command[0], command)


def enter(install: bool = True) -> bool:
    """Have `.venv` ready; False if the running Python is to be used. Exits with 2 if it fails."""
    try:
        if os.environ.get("COURSE_NO_VENV") == "1" or not (install or is_ready()):
            _require_version(sys.version_info[:2])
            return False
        ensure()
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    return True


def ensure() -> bool:
    """Install what is missing; True if there was anything to do.

    Raises:
        SetupError: no suitable Python, or an installer failed.
    """
    if is_ready():
        return False
    creator = find_python()
    _say("setting up .venv (once, some minutes; an interrupted setup goes on where it was)")
    if not _runs(venv_python(), "import pip"):
        _say(f"[1/3] making .venv with {creator}")
        _make_venv(creator)
    _install_torch(re.search(r"^torch==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE).group(1))
    _say("[3/3] everything else")
    _install("-e", f"{ROOT}[{EXTRAS}]")
    if not _runs(venv_python(), "import numpy, torch, rich, pytest"):
        raise SetupError("the packages are installed but do not load; delete .venv and try again")
    STAMP.write_text(fingerprint())
    _say("setup done")
    return True


def is_ready() -> bool:
    """Whether `.venv` holds exactly what pyproject.toml and constraints.txt ask for now."""
    return STAMP.is_file() and venv_python().exists() and STAMP.read_text() == fingerprint()


def fingerprint() -> str:
    """What an installation depends on: both lists, the Python of `.venv`, and where it stands."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (ROOT / "pyproject.toml", CONSTRAINTS, VENV / "pyvenv.cfg"):
        digest.update(path.read_bytes() if path.is_file() else b"missing")
    return digest.hexdigest()


def venv_python(venv: Path = VENV) -> Path:
    """Where a virtual environment keeps its Python."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def find_python() -> str:
    """The running Python if it is new enough, else the newest on the PATH that is.

    Raises:
        SetupError: there is none.
    """
    if sys.version_info[:2] >= NEEDS:
        return getattr(sys, "_base_executable", sys.executable)
    for minor in range(NEEDS[1] + 4, NEEDS[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    _require_version(sys.version_info[:2])
    return sys.executable


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver answers on this machine."""
    smi = shutil.which("nvidia-smi")
    return bool(smi) and _succeeds([smi, "-L"])


def wants_cpu_torch() -> bool:
    """Whether torch's default build would bring CUDA libraries that nothing here can use."""
    return sys.platform == "linux" and platform.machine() == "x86_64" and not has_nvidia_gpu()


def _install_torch(version: str) -> None:
    """Torch goes first: the packages that need it then find it there, whatever its build."""
    if _runs(venv_python(), f"import torch; assert torch.__version__.split('+')[0] == {version!r}"):
        return
    if not wants_cpu_torch():
        _say(f"[2/3] torch {version}")
        _install(f"torch=={version}")
        return
    _say(f"[2/3] torch {version}, the build for CPUs (no NVIDIA GPU here)")
    if _succeeds([*_pip(), f"torch=={version}+cpu"], shows="out"):
        return
    uv = _uv(fetch=True)
    if uv and _succeeds([*uv, "--torch-backend=cpu", f"torch=={version}"], shows="all"):
        return
    _say("no CPU-only torch could be had; the default build brings CUDA libraries (~3 GB)")
    _install(f"torch=={version}")


def _install(*requirements: str) -> None:
    """Install with uv if it is there, and with pip if it is not or fails."""
    uv = _uv(fetch=os.environ.get("UV") == "1")
    if uv and _succeeds([*uv, *requirements], shows="all"):
        return
    if subprocess.run([*_pip(), *requirements], check=False).returncode:
        raise SetupError("pip failed, its reason is above; once mended, run the same command again")


def _pip() -> list[str]:
    told = ["--disable-pip-version-check", "-c", str(CONSTRAINTS)]
    return [str(venv_python()), "-m", "pip", "install", *told]


def _uv(fetch: bool) -> list[str]:
    """Uv's install command for `.venv`, or an empty list where there is no uv."""
    found = shutil.which("uv")
    if not found and fetch:
        inside = venv_python().with_name("uv.exe" if os.name == "nt" else "uv")
        if inside.exists() or _succeeds([*_pip(), "--quiet", "uv"]):
            found = str(inside)
    told = ["--python", str(venv_python()), "-c", str(CONSTRAINTS)]
    return [found, "pip", "install", *told] if found else []


def _make_venv(creator: str) -> None:
    if _succeeds([creator, "-m", "venv", "--clear", str(VENV)], shows="all"):
        return
    uv = shutil.which("uv")
    if uv and _succeeds([uv, "venv", "--seed", "--clear", "--python", creator, str(VENV)]):
        return
    raise SetupError(f"{creator} cannot make a venv; on Debian or Ubuntu: apt install python3-venv")


def _runs(python: Path, code: str) -> bool:
    return python.exists() and _succeeds([str(python), "-c", code])


def _succeeds(command: list[str], shows: str = "") -> bool:
    """Run a step that has an alternative; `shows` says what of it is seen: "out", "all", ""."""
    out = None if shows else subprocess.DEVNULL
    err = None if shows == "all" else subprocess.DEVNULL
    return subprocess.run(command, stdout=out, stderr=err, check=False).returncode == 0


def _own_arguments() -> list[str]:
    """The arguments this process was started with, without the interpreter."""
    return (
        sys.orig_argv[1:] if hasattr(sys, "orig_argv") else ["-m", "shared.course", *sys.argv[1:]]
    )


def _require_version(version: tuple[int, ...]) -> None:
    if version < NEEDS:
        told = "Python {}.{} or newer is needed; this one is {}.{}".format(*NEEDS, *version)
        raise SetupError(told + ": install a newer one (python.org, or: uv python install)")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    if enter() and "-q" not in sys.argv:
        print("everything is installed; run make to see the verbs")
