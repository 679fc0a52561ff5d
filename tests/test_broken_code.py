"""Whatever a learner's code does, it costs its own exercise and no other.

Each case breaks exercise 0.1; 0.2 stands in the same file, 0.3 and 0.4 in others, all three right.
They must be graded as right each time, and 0.1 must come out as the case says, with a word that
the message must contain.
"""

from dataclasses import replace

import pytest

from shared.grader import Grader
from shared.stubs import stub
from tests.tiny import make_course

LOOP = "    while True:\n        pass\n"

# name: (body of mean, lines put before it at top level, outcome, a word of the message)
CASES = {
    "syntax error": ("    return x.sum(axis=1 / 2 2\n", "", "error", "SyntaxError"),
    "bracket left open": ("    return (x.sum(\n", "", "error", "SyntaxError"),
    "string left open": ('    y = """ the mean\n    return y\n', "", "error", "SyntaxError"),
    "indentation": ("    y = 1\n      z = 2\n", "", "error", "indent"),
    "tabs and spaces": ("    y = 1\n\tz = 2\n", "", "error", "SyntaxError"),
    "return outside": ("    pass\n\nreturn 3\n", "", "wrong", "expected numbers, got None"),
    "not a word of Python": ("    the mean is the sum\n", "", "error", "SyntaxError"),
    "null byte": ("    return '\0'\n", "", "error", "null"),
    "missing module in the body": ("    import nowhere\n", "", "error", "nowhere"),
    "missing module used": ("    return nowhere.f(x)\n", "import nowhere\n", "error", "nowhere"),
    "missing module unused": (None, "import nowhere\n", "right", ""),
    "top level raises": (None, "raise ValueError('no')\n", "right", ""),
    "top level exits": (None, "import sys\nsys.exit(3)\n", "right", ""),
    "top level loops": (None, "while True:\n    pass\n", "right", ""),
    "top level broken": (None, "x = = 3\n", "right", ""),
    "helper raises": ("    return HALF * x\n", "HALF = 1 / 0\n", "error", "ZeroDivisionError"),
    "endless loop": (LOOP, "", "error", "still running"),
    "endless loop that catches all": (
        "    while True:\n        try:\n            1 / 0\n        except BaseException:\n"
        "            pass\n",
        "",
        "error",
        "still running",
    ),
    "sleeps": ("    import time\n    time.sleep(600)\n", "", "error", "still running"),
    "deaf to signals": (
        "    import signal\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LOOP,
        "",
        "error",
        "still running",
    ),
    "sys.exit": ("    import sys\n    sys.exit(0)\n", "", "error", "SystemExit"),
    "os._exit": ("    import os\n    os._exit(0)\n", "", "error", "ended in the middle"),
    "kills itself": ("    import os\n    os.kill(os.getpid(), 9)\n", "", "error", "SIGKILL"),
    "segmentation fault": (
        "    import ctypes\n    ctypes.string_at(0)\n",
        "",
        "error",
        "SIGSEGV",
    ),
    "abort": ("    import os\n    os.abort()\n", "", "error", "SIGABRT"),
    "recursion": ("    return mean(x)\n", "", "error", "RecursionError"),
    "memory hog": ("    return [bytearray(10**7) for _ in range(10**5)]\n", "", "error", "emory"),
    "one huge array": ("    return np.ones((10**6, 10**6))\n", "", "error", "emory"),
    "raises": ("    raise KeyError('row')\n", "", "error", "KeyError"),
    "raises a BaseException": ("    raise BaseException('no')\n", "", "error", "no"),
    "interrupts": ("    raise KeyboardInterrupt\n", "", "error", "KeyboardInterrupt"),
    "asserts": ("    assert x.ndim == 3\n", "", "error", "AssertionError"),
    "calls another stub's error": (
        "    raise NotImplementedError('later')\n",
        "",
        "error",
        "later",
    ),
    "leaves a thread": (
        "    import threading, time\n"
        "    threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "    return 'x'\n",
        "",
        "wrong",
        "expected numbers",
    ),
    "leaves a process": (
        "    import subprocess\n    subprocess.Popen(['sleep', '600'])\n    return 'x'\n",
        "",
        "wrong",
        "expected numbers",
    ),
    "forks": ("    import os\n    os.fork()\n    return 'x'\n", "", "wrong", "expected numbers"),
    "output flood": (
        "    while True:\n        print('x' * 10**5)\n",
        "",
        "error",
        "File too large",
    ),
    "output, then an answer": (
        "    print('x' * 10**5)\n    return x.sum(axis=1) / x.shape[1]\n",
        "",
        "wrong",  # the guard is gone with the body
        "a vector",
    ),
    "closes its output": (
        "    import os\n    os.closerange(0, 3)\n    return 'x'\n",
        "",
        "wrong",
        "expected numbers",
    ),
    "closes everything": ("    import os\n    os.closerange(0, 999)\n", "", "error", "ended"),
    "deletes the course": (
        "    import shutil\n    shutil.rmtree(COURSE)\n",
        "",
        "error",
        "PermissionError",
    ),
    "deletes its own folder": (
        "    import os, shutil\n    shutil.rmtree(os.getcwd())\n    return 'x'\n",
        "",
        "wrong",
        "expected numbers",
    ),
    "overwrites the tests": (
        "    open(COURSE + '/phase0_tiny/tests/test_tiny.py', 'w').close()\n",
        "",
        "error",
        "PermissionError",
    ),
    "goes elsewhere": (
        "    import os\n    os.chdir('/')\n    return 'x'\n",
        "",
        "wrong",
        "numbers",
    ),
    "fills the disk": (
        "    with open('big', 'wb') as file:\n        while True:\n"
        "            file.write(bytes(10**7))\n",
        "",
        "error",
        "File too large",
    ),
    "asks a question": ("    return input('mean? ')\n", "", "error", "EOFError"),
    "starts the debugger": ("    breakpoint()\n    return 'x'\n", "", "error", "no debugger"),
    "imports a debugger": (
        "    import pdb\n    pdb.set_trace()\n    return 'x'\n",
        "",
        "error",
        "no debugger",
    ),
    "patches a library": (
        "    np.ndarray = np.sum = None\n    return 'x'\n",
        "",
        "wrong",
        "numbers",
    ),
    "patches the checks": (
        "    from shared import checks\n    checks.close = checks.raises = None\n    return x\n",
        "",
        "wrong",
        "row means",
    ),
    "returns nothing": ("    pass\n", "", "wrong", "got None"),
    "yields": ("    yield 1\n", "", "wrong", "expected numbers"),
    "is async": ("    return async_mean()\n", "async def async_mean(): ...\n", "wrong", "numbers"),
    "wrong number of arguments": (None, "", "error", "could not call your code: TypeError"),
    "deleted": (None, "", "error", "you have not defined mean"),
    "renamed": (None, "", "error", "you have not defined mean"),
    "empty file": (None, "", "error", "you have not defined"),
    "not UTF-8": (None, "", "right", ""),
}


@pytest.fixture(scope="module")
def course_and_grader(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("tiny"))
    with Grader(course.phase) as grader:
        yield course, grader


def spoil(course, case: str) -> None:
    """Write a case into the learner's file."""
    body, before, *_ = CASES[case]
    path = course.file("arith")
    if body is not None:
        body = body.replace("COURSE", repr(str(course.root)))
        course.write("arith.mean", body)
    if before:
        course.replace("arith", "def mean", f"{before}\n\ndef mean")
    if case == "wrong number of arguments":
        course.replace("arith", "def mean(x: np.ndarray)", "def mean()")
    elif case == "deleted":
        start = path.read_text().index("def mean")
        end = path.read_text().index("class Total")
        path.write_text(path.read_text()[:start] + path.read_text()[end:])
    elif case == "renamed":
        course.replace("arith", "def mean", "def average")
    elif case == "empty file":
        path.write_text("")
    elif case == "not UTF-8":
        path.write_bytes(path.read_bytes() + b"\n# caf\xe9\n")


@pytest.mark.parametrize("case", CASES)
def test_broken_code_costs_only_its_own_exercise(course_and_grader, case):
    course, grader = course_and_grader
    for module in ("arith", "descent", "predict"):
        course.file(module).write_text(stub(course.phase, module).text)
    course.answer()
    spoil(course, case)
    _, _, outcome, word = CASES[case]
    endless = word == "still running"  # else a busy machine has all the time it needs
    exercises = [replace(e, seconds=1 if endless else 30) for e in course.phase.exercises]
    grades = {grade.exercise: grade for grade in grader.grade_all(exercises)}
    assert grades["0.1"].outcome == outcome
    if word:
        assert word in grades["0.1"].failure.message
    # An empty file has lost 0.2 as well, and says so; nothing else ever costs a neighbour.
    expected = "error" if case == "empty file" else "right"
    assert grades["0.2"].outcome == expected, grades["0.2"].failure
    assert [grades[id].outcome for id in ("0.3", "0.4")] == ["right", "right"]
