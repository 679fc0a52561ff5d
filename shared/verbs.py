"""What the verbs do. A verb is a function whose first docstring line is its help.

Its parameters are the settings it takes, as text; of an option that is on or off, "" and "0" are
off. It returns the exit code. Imports wait until a verb needs them: most need little, and the
first one of all runs before anything is installed.
"""

from __future__ import annotations

import json as json_format
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

VERBS: dict[str, Callable[..., int]] = {}


def verb(function: Callable[..., int]) -> Callable[..., int]:
    """Make a function a verb: `phase_test` is called as `phase0-test`, others by their name."""
    VERBS[function.__name__.replace("phase_", "phaseN-").replace("_", "-")] = function
    return function


# -- machine and course -----------------------------------------------------------------------


@verb
def setup() -> int:
    """Make .venv and install; every other verb does so when it must."""
    print(f"ready: {sys.executable}")
    return 0


@verb
def doctor() -> int:
    """What this machine is, what that allows, what is wrong and how to mend it."""
    from shared.doctor import main

    return main()


@verb
def tour(blocks: str = "solution") -> int:
    """Train what there is and write runs/tour/index.html (BLOCKS=mine: with your own code)."""
    from shared.tour import main

    return main(_choice("BLOCKS", blocks, "solution", "mine"))


@verb
def serve(model: str = "", method: str = "", port: str = "", args: str = "") -> int:
    """Serve MODEL=folder to any OpenAI client and to a chat page (METHOD=int8 PORT=8000)."""
    told = {"model": model, "method": method, "port": port}
    flags = [f"--{name}={value}" for name, value in told.items() if value]
    return _program(_phase("4"), "serve", [*flags, *args.split()])


@verb
def test() -> int:
    """Everything: machinery, solutions, stubs, catalogued mistakes."""
    pytest, proof = [sys.executable, "-m", "pytest", "-q"], "tests/test_phases.py"
    # Side by side: the proof fills the cores only at times, and the rest never needs more than one.
    with subprocess.Popen(
        [*pytest, proof], cwd=_root(), stdout=subprocess.PIPE, text=True
    ) as proving:
        rest = subprocess.call([*pytest, f"--ignore={proof}"], cwd=_root())
        print(proving.communicate()[0])
    return rest or proving.returncode


@verb
def lint() -> int:
    """Style: ruff check and ruff format."""
    check = subprocess.call([sys.executable, "-m", "ruff", "check", "."], cwd=_root())
    form = subprocess.call([sys.executable, "-m", "ruff", "format", "--check", "."], cwd=_root())
    return int(bool(check or form))


@verb
def stubs(force: str = "") -> int:
    """Write the exercise files that are missing (FORCE=1: all of them, over what they hold)."""
    from shared.stubs import main

    return main(["--force"] if _on(force) else [])


@verb
def progress(json: str = "") -> int:
    """How far you are in every phase, what is next, what it unlocks."""
    from shared.board import make_console, show_map
    from shared.progress import Progress
    from shared.syllabus import load_phases

    known = Progress.load(_root())
    if _on(json):
        print(known.to_json())
    else:
        show_map(make_console(), load_phases(_root()), known)
    return 0


# -- one phase ---------------------------------------------------------------------------------


@verb
def phase_test(
    phase: str, ex: str = "", impl: str = "mine", strict: str = "", json: str = ""
) -> int:
    """Grade your answers (EX=0.7: one of them; STRICT=1; JSON=1; IMPL=solution: ours)."""
    course = _phase(phase)
    chosen = [_exercise(ex, phase)[1]] if ex else course.exercises
    impl = _choice("IMPL", impl, "mine", "solution")
    grades = _grade(course, chosen, impl, "none" if _on(json) else "one" if ex else "board")
    outcomes = {grade.outcome for grade in grades}
    if _on(json):
        print(json_format.dumps([grade.to_json() for grade in grades], indent=1))
    return int(bool(outcomes & {"wrong", "error"} or (_on(strict) and "todo" in outcomes)))


@verb
def phase_hint(phase: str, ex: str = "") -> int:
    """The next hint for EX=0.7; there are three, of rising strength."""
    from shared.progress import Progress

    course, exercise = _exercise(ex, phase)
    with Progress.editing(_root()) as known:
        entry = known.touch(course, exercise)
        entry.hints = min(entry.hints + 1, len(exercise.hints))
    for number, text in enumerate(exercise.hints[: entry.hints], start=1):
        print(f"hint {number} of {len(exercise.hints)}: {text}")
    if entry.hints == len(exercise.hints):
        print(f"after that: make phase{phase}-solution EX={ex} REVEAL=1")
    return 0


@verb
def phase_solution(phase: str, ex: str = "", reveal: str = "") -> int:
    """The finished code of EX=0.7 once yours passes (REVEAL=1: now; the board remembers)."""
    from shared.progress import Progress
    from shared.source import SourceFile
    from shared.syllabus import CourseError

    course, exercise = _exercise(ex, phase)
    with Progress.editing(_root()) as known:
        entry = known.touch(course, exercise)
        if entry.status != "done" and not _on(reveal):
            raise CourseError(f"{ex} does not pass yet; REVEAL=1 shows it, and the board remembers")
        entry.revealed = entry.revealed or entry.status != "done"
    for name in exercise.objects:
        module, _, qualname = name.partition(".")
        file = SourceFile.read(course.solution(module))
        start, end = file.span(qualname)
        print(f"# {course.package}/solution/{module}.py:{start + 1}")
        print("".join(file.lines[start:end]))
    return 0


@verb
def phase_gate(phase: str) -> int:
    """Grade the few exercises that span a phase; if all pass, the phase counts as skipped."""
    from shared.progress import Progress
    from shared.syllabus import CourseError

    course = _phase(phase)
    if not course.gate:
        raise CourseError(f"phase {phase} has no gate yet")
    print(f"Skip phase {phase} if you can do these: {', '.join(course.gate)}")
    grades = _grade(course, [e for e in course.exercises if e.id in course.gate], "mine")
    if all(grade.outcome == "right" for grade in grades):
        with Progress.editing(_root()) as known:
            known.skipped[str(course.number)] = "gate passed"
        print(
            f"The gate is open: phase {phase} counts as skipped. make progress shows what is next."
        )
    return int(any(grade.outcome in ("wrong", "error") for grade in grades))


@verb
def phase_bench(phase: str) -> int:
    """Time our code and its peers in turns on this machine."""
    from shared.bench_report import run_phase

    return run_phase(_phase(phase).number)


@verb
def phase_look(phase: str, run: str = "") -> int:
    """Write a page of pictures of what you trained (RUN=name; by default the newest run)."""
    return _program(_phase(phase), "look", ["--run", run] if run else [])


@verb
def phase_launch(
    phase: str, nproc: str = "", config: str = "", machine: str = "", main: str = "", args: str = ""
) -> int:
    """Train over several processes (NPROC=2 CONFIG=file ARGS="flags" MACHINE=1 MAIN=host:port)."""
    told = {"nproc": nproc, "config": config, "machine": machine, "main": main, "args": args}
    return _program(_phase(phase), "launch", [f"--{k}={v}" for k, v in told.items() if v])


@verb
def phase_load(phase: str, url: str = "", rates: str = "", args: str = "") -> int:
    """Measure a server under load (URL=http://host:port RATES="1 2 4" ARGS="flags")."""
    flags = [*(["--url", url] if url else []), *(["--rates", *rates.split()] if rates else [])]
    return _program(_phase(phase), "load", [*flags, *args.split()])


@verb
def phase_mistakes(phase: str) -> int:
    """Prove the tests: each catalogued mistake must be rejected, and named in another style."""
    from shared.board import make_console
    from shared.proof import show

    return int(not show(make_console(), _phase(phase)))


@verb
def watch(phase: str = "") -> int:
    """Grade what you save, as you save it, in PHASE=0."""
    from shared.watch import watch_phase

    return watch_phase(_phase(phase))


@verb
def reset(ex: str = "") -> int:
    """Put the bodies of EX=0.7 back as they were, and leave every other line alone."""
    from shared.reset import reset as put_back

    course, exercise = _exercise(ex)
    print("\n".join(put_back(course, exercise)))
    return 0


@verb
def skip(phase: str = "", undo: str = "") -> int:
    """Mark PHASE=0 as known already (UNDO=1 takes it back)."""
    from shared.progress import Progress

    course = _phase(phase)
    with Progress.editing(_root()) as known:
        if _on(undo):
            known.skipped.pop(str(course.number), None)
        else:
            known.skipped[str(course.number)] = "your choice"
    print(f"phase {course.number} is {'no longer ' if _on(undo) else ''}skipped")
    return 0


@verb
def bench_check() -> int:
    """The benchmark rows that are below their goal."""
    from shared.bench_report import check

    return check()


@verb
def gpu_check() -> int:
    """Every test and benchmark that wants a GPU, in under ten minutes."""
    from shared.gpu_check import main

    return main()


# -- helpers of the verbs ----------------------------------------------------------------------


def _root() -> Path:
    from shared.syllabus import find_root

    return find_root()


def _phase(number: str):
    from shared.syllabus import CourseError, find_phase, load_phases

    if not number.isdigit():
        raise CourseError("which phase? Add its number, as in PHASE=0")
    return find_phase(load_phases(_root()), int(number))


def _program(course, name: str, flags: list[str]) -> int:
    """Run a program of a phase's project, if it has one of that name."""
    from shared.syllabus import CourseError

    if not (course.folder / "project" / f"{name}.py").is_file():
        raise CourseError(f"phase {course.number} has no program project/{name}.py")
    command = [sys.executable, "-m", f"{course.package}.project.{name}", *flags]
    with subprocess.Popen(command, cwd=_root()) as program:
        signal.signal(signal.SIGTERM, lambda *_: program.terminate())
        while True:
            try:
                return program.wait()
            except KeyboardInterrupt:  # the program has it, too, and ends in its own time
                continue


def _exercise(identifier: str, phase: str = ""):
    from shared.syllabus import CourseError, find_exercise, load_phases

    if not identifier:
        raise CourseError("which exercise? Add its number, as in EX=0.4")
    course, exercise = find_exercise(load_phases(_root()), identifier)
    if phase and course.number != int(phase):
        raise CourseError(f"exercise {identifier} belongs to phase {course.number}, not {phase}")
    return course, exercise


def _on(option: str) -> bool:
    return option not in ("", "0")


def _choice(name: str, value: str, *known: str) -> str:
    from shared.syllabus import CourseError

    if value not in known:
        raise CourseError(f"{name}={value} is unknown: {' or '.join(known)}")
    return value


def _grade(course, exercises: list, impl: str, show: str = "board") -> list:
    """Grade exercises, show "none", "one" or the "board" of them, and keep a learner's progress."""
    from shared.board import make_console, show_board, show_failure, show_one
    from shared.grader import Grader
    from shared.progress import Progress

    console = make_console()
    known = Progress.load(_root())
    with Grader(course) as grader:
        grades = grader.grade_all(exercises, impl)
    by_id = {exercise.id: exercise for exercise in exercises}
    if impl == "mine":
        with Progress.editing(_root()) as known:
            for grade in grades:
                known.record(course, by_id[grade.exercise], grade)
    for grade in grades:
        if show == "one":
            show_one(console, course, by_id[grade.exercise], grade, known, impl)
        if show == "board" and grade.failure:
            show_failure(console, course, by_id[grade.exercise], grade, known)
    if show == "board":
        show_board(console, course, grades, known, impl)
    return grades
