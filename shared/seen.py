"""What a check saw: any value reduced to a small record, so that two answers can be compared.

A record survives JSON, for a candidate's values are made in one process and compared in another.
"""

import re
from typing import Any

import numpy as np

NUMBERS = "fciub"  # NumPy's kinds of dtype
MAX_SEEN = 256  # values kept of a large array: enough to tell two wrong answers apart
GOLDEN = 0.6180339887498949  # its multiples modulo 1 spread evenly and follow no row or column
# Another order of summation costs this much: relative, by the kind of floating point number.
ROUNDING = {"float64": 1e-6, "complex128": 1e-6, "float32": 1e-4, "complex64": 1e-4}
ROUNDING |= {"float16": 1e-2, "bfloat16": 1e-2}


def record(value: Any) -> Any:
    """Reduce a value to something small that survives JSON and can be compared by `same`."""
    if isinstance(value, dict):
        return {"dict": [[str(key), record(item)] for key, item in list(value.items())[:MAX_SEEN]]}
    array, dtype = as_array(value)
    if array is None and isinstance(value, list | tuple):
        return {"list": [record(item) for item in value[:MAX_SEEN]], "length": len(value)}
    if array is None or array.dtype.kind not in NUMBERS:
        return {"repr": re.sub(r" at 0x[0-9a-f]+", "", _repr(value))[:500]}
    sample = array.reshape(-1)
    if sample.size > MAX_SEEN:
        sample = sample[(np.arange(MAX_SEEN) * GOLDEN % 1 * sample.size).astype(int)]
    if array.dtype.kind == "c":
        sample = np.stack([sample.real, sample.imag])
    if array.dtype.kind == "f" and not hasattr(value, "dtype"):
        dtype = "float32"  # a Python float may come from anywhere, such as `loss.item()`
    values = sample.astype(np.float64).reshape(-1).tolist()
    return {"shape": list(array.shape), "dtype": dtype, "values": values}


def same(one: Any, other: Any) -> bool:
    """Tell whether two records show one answer, up to the rounding that another style causes."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return False
        if "values" in one:
            return _same_values(one, other)
        return all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _same_values(one: dict, other: dict) -> bool:
    """Compare the numbers of two records; a Python float may stand where a float32 stood."""
    if one["shape"] != other["shape"]:
        return False
    rtol = max(ROUNDING.get(record["dtype"], 0.0) for record in (one, other))
    a, b = np.asarray(one["values"]), np.asarray(other["values"])
    # Rounding is relative to the largest value: what cancels to 1e-17 here may be 0 there.
    atol = rtol * 1e-3 * np.abs(a[np.isfinite(a)]).max(initial=0.0)
    return np.allclose(a, b, rtol, atol, equal_nan=True)


def brief(value: Any) -> str:
    """One short line for any value: a large array by shape and dtype, a long repr cut."""
    array, dtype = as_array(value)
    if array is not None and array.size > 8:
        return f"an array of shape {array.shape}, {dtype}"
    text = " ".join(_repr(value).split())
    return text if len(text) <= 120 else text[:117] + "..."


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # a learner's object may not even be able to show itself
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"


def as_array(value: Any) -> tuple[np.ndarray | None, str]:
    """Return a number, array or tensor as NumPy's, with its own dtype's name; else (None, "")."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        # A torch tensor: NumPy has no bfloat16, and a gradient must not be tracked.
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
        except (ValueError, TypeError, RuntimeError):
            return None, ""
        return (array, str(array.dtype)) if array.dtype.kind in NUMBERS else (None, "")
    return None, ""
