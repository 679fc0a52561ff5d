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

# torch.testing.assert_close's defaults: (rtol, atol) by the coarser of the two dtypes.
TOLERANCES = {
    "bfloat16": (1.6e-2, 1e-5),
    "float16": (1e-3, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}
MAX_SEEN = 256  # values kept of a large array: enough to tell two wrong answers apart


class CheckFailed(AssertionError):
    """A check that did not hold.

    Attributes:
        name: what was compared, in the learner's words.
        seen: a JSON-able record of the learner's value (see `record`).
    """

    def __init__(self, name: str, message: str, actual: Any):
        super().__init__(f"{name}: {message}")
        self.name = name
        self.seen = record(actual)


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
    got, got_dtype = _as_array(actual)
    want, want_dtype = _as_array(expected)
    if got is None:
        raise CheckFailed(name, f"expected numbers, got {_brief(actual)}", actual)
    if got.shape != want.shape:
        message = f"the shape is wrong\n  got {got.shape}, expected {want.shape}"
        raise CheckFailed(name, message, actual)
    if got.dtype.kind in "iub" and want.dtype.kind in "fc" and hasattr(actual, "dtype"):
        message = f"the dtype is wrong\n  got {got_dtype}, expected {want_dtype}"
        raise CheckFailed(name, message, actual)
    defaults = [TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in (got_dtype, want_dtype)]
    rtol = max(d[0] for d in defaults) if rtol is None else rtol
    atol = max(d[1] for d in defaults) if atol is None else atol
    different = ~np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    if different.any():
        allowed = f"allowed {atol:.3g} + {rtol:.3g} * |expected|"
        raise CheckFailed(name, _difference(got, want, different, allowed), actual)


def equal(actual: Any, expected: Any, name: str) -> None:
    """Check that two values are the same, exactly: numbers, strings, shapes, arrays, containers."""
    got, _ = _as_array(actual)
    want, _ = _as_array(expected)
    if want is not None and want.ndim and got is not None:
        if got.shape != want.shape:
            message = f"the shape is wrong\n  got {got.shape}, expected {want.shape}"
            raise CheckFailed(name, message, actual)
        different = ~((got == want) | ((got != got) & (want != want)))
        if different.any():
            raise CheckFailed(name, _difference(got, want, different, "must be equal"), actual)
    elif not _same_value(actual, expected):
        raise CheckFailed(name, f"got {_brief(actual)}, expected {_brief(expected)}", actual)


def law(holds: Any, name: str, actual: Any = None) -> None:
    """Check a property that must hold; `actual` is the value in which one can see it broken."""
    if not bool(holds):
        looked_at = "" if actual is None else f"\n  got {_brief(actual)}"
        raise CheckFailed(name, f"this must hold, and does not{looked_at}", actual)


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
            message = f"the message should say {match!r}\n  got {_brief(str(error))}"
            raise CheckFailed(name, message, repr(error)) from error
        return error
    message = f"nothing was raised, expected {exception.__name__}\n  got {_brief(value)}"
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
            raise CheckFailed(name, f"your guess {_brief(actual)} is not what happens", actual)
        return
    try:
        value = float(actual)
    except (TypeError, ValueError):
        raise CheckFailed(name, f"expected one number, got {_brief(actual)}", actual) from None
    if math.isclose(value, answer.value, rel_tol=answer.rtol):
        return
    direction = "too high" if value > answer.value else "too low"
    ratio = abs(value / answer.value) if answer.value and value else 0.0
    far = " by more than a factor of ten" if ratio > 10 or ratio < 0.1 else ""
    raise CheckFailed(name, f"your guess {_brief(actual)} is {direction}{far}", actual)


# -- what was seen ----------------------------------------------------------------------------


def record(value: Any) -> Any:
    """Reduce a value to something small that survives JSON and can be compared by `same`."""
    if isinstance(value, dict):
        return {"dict": [[str(key), record(item)] for key, item in list(value.items())[:MAX_SEEN]]}
    if isinstance(value, list | tuple):
        return {"list": [record(item) for item in value[:MAX_SEEN]], "length": len(value)}
    array, _ = _as_array(value)
    if array is None:
        return {"repr": re.sub(r" at 0x[0-9a-f]+", "", repr(value))[:500]}
    step = max(1, -(-array.size // MAX_SEEN))
    sample = array.reshape(-1)[::step]
    if array.dtype.kind == "c":
        sample = np.stack([sample.real, sample.imag])
    if array.dtype.kind not in "fciub":
        return {"repr": repr(array.tolist())[:500]}
    return {"shape": list(array.shape), "values": sample.astype(np.float64).reshape(-1).tolist()}


def same(one: Any, other: Any, rtol: float = 1e-4) -> bool:
    """Tell whether two records show one answer, up to the rounding that another style causes."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return False
        if "values" in one:
            a, b = np.asarray(one["values"]), np.asarray(other["values"])
            # Rounding is relative to the largest value: what cancels to 1e-17 here may be 0 there.
            finite = np.abs(a[np.isfinite(a)])
            atol = rtol * 1e-3 * (finite.max() if finite.size else 0.0)
            return one["shape"] == other["shape"] and np.allclose(a, b, rtol, atol, equal_nan=True)
        return all(same(one[key], other[key], rtol) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(
            same(a, b, rtol) for a, b in zip(one, other, strict=True)
        )
    return one == other


# -- helpers ----------------------------------------------------------------------------------


def _as_array(value: Any) -> tuple[np.ndarray | None, str]:
    """Return a number, array or tensor as NumPy's, with its own dtype's name; else (None, "")."""
    if hasattr(value, "detach"):  # torch: NumPy has no bfloat16, and a gradient must not be tracked
        value = value.detach().cpu()
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype == "bfloat16":
            value = value.float()
        return value.numpy(), dtype
    if isinstance(value, bool | int | float | complex | np.ndarray | np.generic):
        array = np.asarray(value)
        return (None, "") if array.dtype == object else (array, str(array.dtype))
    if isinstance(value, list | tuple):
        try:
            array = np.asarray(value)
        except (ValueError, TypeError):
            return None, ""
        return (array, str(array.dtype)) if array.dtype.kind in "fciub" else (None, "")
    return None, ""


def _children(actual: Any, expected: Any, name: str) -> list[tuple[Any, Any, Any]]:
    """Pair the items of two containers, or say why they do not pair."""
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or actual.keys() != expected.keys():
            got = sorted(actual, key=str) if isinstance(actual, dict) else _brief(actual)
            message = f"the keys are wrong\n  got {got}, expected {sorted(expected, key=str)}"
            raise CheckFailed(name, message, actual)
        return [(key, actual[key], expected[key]) for key in expected]
    if not hasattr(actual, "__len__") or len(actual) != len(expected):
        kind, length = type(expected).__name__, len(expected)
        raise CheckFailed(name, f"expected a {kind} of {length}, got {_brief(actual)}", actual)
    return [(i, got, want) for i, (got, want) in enumerate(zip(actual, expected, strict=True))]


def _difference(got: np.ndarray, want: np.ndarray, different: np.ndarray, allowed: str) -> str:
    """Describe how two arrays of one shape differ, in three lines."""
    if got.ndim == 0:
        return f"the value is wrong\n  got {_number(got)}, expected {_number(want)} ({allowed})"
    first = tuple(int(i) for i in np.argwhere(different)[0])
    lines = [
        f"{int(different.sum())} of {different.size} values differ",
        f"first at {list(first)}: got {_number(got[first])}, expected {_number(want[first])}",
    ]
    if got.dtype.kind in "fciub":
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.abs(got.astype(np.complex128) - want.astype(np.complex128))
        if np.isfinite(error).any():
            worst = np.unravel_index(
                np.nanargmax(np.where(np.isfinite(error), error, -1)), got.shape
            )
            at = [int(i) for i in worst]
            lines.append(f"largest error {error[worst]:.3g} at {at} ({allowed})")
    return "\n  ".join(lines)


def _bounded(
    actual: Any, bound: float, name: str, words: str, holds: Callable[[float], bool]
) -> None:
    value, _ = _as_array(actual)
    if value is None or value.size != 1:
        raise CheckFailed(name, f"expected one number, got {_brief(actual)}", actual)
    if not holds(value.item()):
        message = f"got {_number(value.reshape(()))}, expected {words} {bound:.6g}"
        raise CheckFailed(name, message, actual)


def _same_value(actual: Any, expected: Any) -> bool:
    try:
        return bool(actual == expected) and isinstance(actual, bool) == isinstance(expected, bool)
    except (ValueError, TypeError, RuntimeError):  # an array where a plain value was expected
        return False


def _number(value: Any) -> str:
    item = value.item() if hasattr(value, "item") else value
    return f"{item:.8g}" if isinstance(item, float) else str(item)


def _brief(value: Any) -> str:
    """One short line for any value: a large array by shape and dtype, a long repr cut."""
    array, dtype = _as_array(value)
    if array is not None and array.size > 8:
        return f"an array of shape {array.shape}, {dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else text[:117] + "..."


def _canonical(value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()
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
