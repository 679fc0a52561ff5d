"""The few ways in which a test compares a learner's value with the truth.

A check either passes silently or raises `CheckFailed`, which carries two things: a message of a
few lines for the person (what was compared, the first difference, the largest error), and `seen`,
a small record of the value itself for the machine, so that two wrong answers can be recognised as
the same wrong answer.

Arrays may be NumPy's or torch's; torch is never imported here. Run `python -m shared.checks seal
SALT VALUE` to make the `Sealed` answer of a prediction.
"""

import ast
import hashlib
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.seen import NUMBERS, as_array, brief, record

# torch.testing.assert_close's defaults: (rtol, atol) by the coarser of the two dtypes.
TOLERANCES = {
    "bfloat16": (1.6e-2, 1e-5),
    "float16": (1e-3, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}


class CheckFailed(AssertionError):
    """A check that did not hold.

    Attributes:
        name: what was compared, in the learner's words.
        seen: a JSON-able record of the learner's value (see `shared.seen`).
    """

    def __init__(self, name: str, message: str, actual: Any):
        super().__init__(f"{name}: {message}")
        self.name = name
        self.seen = record(actual)

    def __reduce__(self) -> tuple:
        return _unpickled, (self.args, self.__dict__)


def _unpickled(args: tuple, attributes: dict[str, Any]) -> CheckFailed:
    """Rebuild a failure that another process found, without the value that it looked at."""
    failed = CheckFailed.__new__(CheckFailed, *args)
    failed.__dict__ |= attributes
    return failed


# -- comparisons ------------------------------------------------------------------------------


def close(
    actual: Any, expected: Any, name: str, rtol: float | None = None, atol: float | None = None
) -> None:
    """Check |actual - expected| <= atol + rtol * |expected|, element by element.

    Takes numbers, NumPy arrays, torch tensors, and tuples, lists and dicts of them. The tolerance
    defaults to torch.testing's for the coarser dtype of the two. NaN equals NaN.
    """
    if isinstance(expected, dict | list | tuple):
        for key, got, want in _children(actual, expected, name):
            close(got, want, f"{name}[{key!r}]", rtol, atol)
        return
    got, got_dtype = as_array(actual)
    want, want_dtype = as_array(expected)
    if got is None or got.dtype.kind not in NUMBERS:
        raise CheckFailed(name, f"expected numbers, got {brief(actual)}", actual)
    if got.shape != want.shape:
        message = f"the shape is wrong\n  got {got.shape}, expected {want.shape}"
        raise CheckFailed(name, message, actual)
    if got.dtype.kind in "iub" and want.dtype.kind in "fc" and hasattr(actual, "dtype"):
        message = f"the dtype is wrong\n  got {got_dtype}, expected {want_dtype}"
        raise CheckFailed(name, message, actual)
    defaults = [TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in (got_dtype, want_dtype)]
    rtol = max(d[0] for d in defaults) if rtol is None else rtol
    atol = max(d[1] for d in defaults) if atol is None else atol
    different = _differs(got, want, rtol, atol)
    if different.any():
        allowed = f"allowed {atol:.3g} + {rtol:.3g} * |expected|"
        raise CheckFailed(name, _difference(got, want, different, allowed), actual)


def equal(actual: Any, expected: Any, name: str) -> None:
    """Check that two values are the same, exactly: numbers, strings, shapes, arrays, containers."""
    got, _ = as_array(actual)
    want, _ = as_array(expected)
    if want is None and isinstance(expected, dict | list | tuple):
        for key, one, other in _children(actual, expected, name):
            equal(one, other, f"{name}[{key!r}]")
        return
    if want is not None and want.ndim and got is not None:
        if got.shape != want.shape:
            message = f"the shape is wrong\n  got {got.shape}, expected {want.shape}"
            raise CheckFailed(name, message, actual)
        different = _differs(got, want, rtol=0, atol=0)
        if different.any():
            raise CheckFailed(name, _difference(got, want, different, "must be equal"), actual)
    elif not _same_value(actual, expected):
        raise CheckFailed(name, f"got {brief(actual)}, expected {brief(expected)}", actual)


def law(holds: Any, name: str, actual: Any = None) -> None:
    """Check a property that must hold; `actual` is where one can see it broken: value or words."""
    if not bool(holds):
        shown = actual if isinstance(actual, str) else brief(actual)
        looked_at = "" if actual is None else f"\n  got {shown}"
        raise CheckFailed(name, f"does not hold{looked_at}", actual)


def at_most(actual: Any, bound: float, name: str) -> None:
    """Check actual <= bound, for one number. NaN fails."""
    _bounded(actual, bound, name, "at most", lambda value: value <= bound)


def at_least(actual: Any, bound: float, name: str) -> None:
    """Check actual >= bound, for one number. NaN fails."""
    _bounded(actual, bound, name, "at least", lambda value: value >= bound)


def raises(
    call: Callable[[], Any], exception: type[BaseException], name: str, match: str | None = None
) -> BaseException:
    """Check that `call()` raises `exception`, and that its message matches the regex `match`.

    Any other exception passes through, so that the learner sees where it came from.
    """
    try:
        value = call()
    except exception as error:
        if isinstance(error, NotImplementedError) and exception is not NotImplementedError:
            raise  # an exercise still to do, not an answer
        if match and not re.search(match, str(error)):
            message = f"the message should say {match!r}\n  got {brief(str(error))}"
            raise CheckFailed(name, message, repr(error)) from error
        return error
    message = f"nothing was raised, expected {exception.__name__}\n  got {brief(value)}"
    raise CheckFailed(name, message, value)


# -- predictions ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Near:
    """A numeric answer, right within a relative tolerance; a wrong guess hears its direction."""

    value: float
    rtol: float


@dataclass(frozen=True)
class Sealed:
    """An exact answer (int, string, tuple) kept as a salted hash: reading it spoils nothing."""

    salt: str
    digest: str


def seal(salt: str, value: Any) -> Sealed:
    """Hash an answer; 12 and 12.0 are one answer, so are "B" and "b", (2, 3) and [2, 3]."""
    text = f"{salt}:{_canonical(value)!r}".encode()
    return Sealed(salt, hashlib.sha256(text).hexdigest()[:16])


def guess(actual: Any, answer: Near | Sealed, name: str) -> None:
    """Check a prediction. A wrong one gets a direction where there is one, never the answer."""
    if isinstance(answer, Sealed):
        if seal(answer.salt, actual) != answer:
            raise CheckFailed(
                name, f"your guess {brief(actual)} is not what happens", _canonical(actual)
            )
        return
    try:
        value = float(actual)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise CheckFailed(name, f"expected one number, got {brief(actual)}", actual)
    if math.isclose(value, answer.value, rel_tol=answer.rtol):
        return
    direction = "too high" if value > answer.value else "too low"
    ratio = abs(value / answer.value) if answer.value and value else 0.0
    far = " by more than a factor of ten" if ratio > 10 or ratio < 0.1 else ""
    # People guess in round numbers: three digits say which thought it was.
    raise CheckFailed(
        name, f"your guess {brief(actual)} is {direction}{far}", float(f"{value:.3g}")
    )


# -- helpers ----------------------------------------------------------------------------------


def _differs(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """Return where |got - want| > atol + rtol * |want|; the sum is not taken in float16."""
    if rtol == atol == 0:
        return ~((got == want) | ((got != got) & (want != want)))
    wide = np.result_type(got, want, np.float64)
    return ~np.isclose(got.astype(wide), want.astype(wide), rtol, atol, equal_nan=True)


def _children(actual: Any, expected: Any, name: str) -> list[tuple[Any, Any, Any]]:
    """Pair the items of two containers, or say why they do not pair."""
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or actual.keys() != expected.keys():
            got = sorted(actual, key=str) if isinstance(actual, dict) else brief(actual)
            message = f"the keys are wrong\n  got {got}, expected {sorted(expected, key=str)}"
            raise CheckFailed(name, message, actual)
        return [(key, actual[key], expected[key]) for key in expected]
    if not hasattr(actual, "__len__") or len(actual) != len(expected):
        kind, length = type(expected).__name__, len(expected)
        raise CheckFailed(name, f"expected a {kind} of {length}, got {brief(actual)}", actual)
    return [(i, got, want) for i, (got, want) in enumerate(zip(actual, expected, strict=True))]


def _difference(got: np.ndarray, want: np.ndarray, different: np.ndarray, allowed: str) -> str:
    """Describe how two arrays of one shape differ, in three lines."""
    if got.ndim == 0:
        return f"the value is wrong\n  {_pair(got, want)} ({allowed})"
    first = tuple(int(i) for i in np.argwhere(different)[0])
    lines = [
        f"{int(different.sum())} of {different.size} values differ",
        f"first at {list(first)}: {_pair(got[first], want[first])}",
    ]
    if got.dtype.kind in NUMBERS:
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.abs(got.astype(np.complex128) - want.astype(np.complex128))
        error = np.where(different & np.isfinite(error), error, -1)
        worst = np.unravel_index(error.argmax(), got.shape)
        if error[worst] >= 0:
            at = [int(i) for i in worst]
            lines.append(f"largest error {error[worst]:.3g} at {at} ({allowed})")
    return "\n  ".join(lines)


def _pair(got: Any, want: Any) -> str:
    """Show two numbers, with more digits where the usual ones do not tell them apart."""
    digits = 8 if _number(got, 8) != _number(want, 8) else 17
    return f"got {_number(got, digits)}, expected {_number(want, digits)}"


def _bounded(
    actual: Any, bound: float, name: str, words: str, holds: Callable[[float], bool]
) -> None:
    value, _ = as_array(actual)
    if value is None or value.size != 1:
        raise CheckFailed(name, f"expected one number, got {brief(actual)}", actual)
    if not holds(value.item()):
        message = f"got {_number(value.reshape(()))}, expected {words} {bound:.6g}"
        raise CheckFailed(name, message, actual)


def _same_value(actual: Any, expected: Any) -> bool:
    try:
        return bool(actual == expected) and isinstance(actual, bool) == isinstance(expected, bool)
    except (ValueError, TypeError, RuntimeError):  # an array where a plain value was expected
        return False


def _number(value: Any, digits: int = 8) -> str:
    item = value.item() if hasattr(value, "item") else value
    return f"{item:.{digits}g}" if isinstance(item, float) else str(item)


def _canonical(value: Any) -> Any:
    array, _ = as_array(value)
    if array is not None and not isinstance(value, list | tuple):
        value = array.item() if array.size == 1 else array.tolist()
    if isinstance(value, str):
        return value.strip().casefold()
    if isinstance(value, list | tuple):
        return tuple(_canonical(item) for item in value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] != "seal":
        sys.exit("usage: python -m shared.checks seal SALT VALUE")
    try:
        answer = ast.literal_eval(sys.argv[3])
    except (ValueError, SyntaxError):
        answer = sys.argv[3]
    sealed = seal(sys.argv[2], answer)
    print(f'checks.Sealed("{sealed.salt}", "{sealed.digest}")')
