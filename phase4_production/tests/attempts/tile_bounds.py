"""The mistakes of `mistakes/tile_bounds.py`, as others would write them."""

from math import ceil

from shared.mistakes import attempt


def _first(tiling, i):
    return i * tiling.block_q + tiling.T_k - tiling.T_q


def _last(tiling, i):
    return min((i + 1) * tiling.block_q, tiling.T_q) - 1 + tiling.T_k - tiling.T_q


def _begin(tiling, position, extra=1):
    if tiling.window is None:
        return 0
    return max(0, position - tiling.window + extra) // tiling.block_k


def _all(tiling):
    return range(ceil(tiling.T_k / tiling.block_k))


@attempt("tiles_square")
def _(tiling, i):
    if tiling.causal:
        end = i + 1 if i + 1 < tiling.n_key_tiles else tiling.n_key_tiles
        return range(_begin(tiling, _first(tiling, i)), end)
    return _all(tiling)


@attempt("tiles_without_shift")
def _(tiling, i):
    if not tiling.causal:
        return _all(tiling)
    first, end = i * tiling.block_q, min((i + 1) * tiling.block_q, tiling.T_q)
    n = min(tiling.n_key_tiles, ceil(end / tiling.block_k))
    return range(_begin(tiling, first), n)


@attempt("tiles_end_of_first_row")
def _(tiling, i):
    if not tiling.causal:
        return _all(tiling)
    first = _first(tiling, i)
    return range(_begin(tiling, first), ceil((first + 1) / tiling.block_k))


@attempt("tiles_without_last")
def _(tiling, i):
    if not tiling.causal:
        return _all(tiling)
    return range(_begin(tiling, _first(tiling, i)), _last(tiling, i) // tiling.block_k)


@attempt("tiles_one_too_many")
def _(tiling, i):
    if not tiling.causal:
        return _all(tiling)
    end = (_last(tiling, i) + 1) // tiling.block_k + 1
    return range(_begin(tiling, _first(tiling, i)), min(len(_all(tiling)), end))


@attempt("tiles_without_window")
def _(tiling, i):
    if tiling.causal:
        return range(0, ceil((_last(tiling, i) + 1) / tiling.block_k))
    return _all(tiling)


@attempt("tiles_window_of_last_row")
def _(tiling, i):
    if not tiling.causal:
        return _all(tiling)
    last = _last(tiling, i)
    return range(_begin(tiling, last), ceil((last + 1) / tiling.block_k))


@attempt("tiles_window_too_long")
def _(tiling, i):
    if not tiling.causal:
        return _all(tiling)
    start = _begin(tiling, _first(tiling, i), extra=0)
    return range(start, ceil((_last(tiling, i) + 1) / tiling.block_k))


@attempt("tiles_below_zero")
def _(tiling, i):
    if not tiling.causal:
        return _all(tiling)
    start = 0
    if tiling.window:
        start = (_first(tiling, i) - tiling.window + 1) // tiling.block_k
    return range(start, ceil((_last(tiling, i) + 1) / tiling.block_k))


@attempt("tiles_ragged_lost")
def _(tiling, i):
    full = int(tiling.T_k / tiling.block_k)
    if not tiling.causal:
        return range(full)
    end = ceil((_last(tiling, i) + 1) / tiling.block_k)
    return range(_begin(tiling, _first(tiling, i)), end if end < full else full)


def _old(tiling, i, j):
    """Whether the first key of the tile is out of the last query's window."""
    return tiling.window is not None and j * tiling.block_k <= _last(tiling, i) - tiling.window


def _end(tiling, j):
    return min(tiling.T_k, (j + 1) * tiling.block_k) - 1


@attempt("mask_square")
def _(tiling, i, j):
    return tiling.causal and (j == i or _old(tiling, i, j))


@attempt("mask_without_shift")
def _(tiling, i, j):
    rows = range(tiling.T_q)[i * tiling.block_q : (i + 1) * tiling.block_q]
    if tiling.causal and _end(tiling, j) > rows[0]:
        return True
    return bool(tiling.window) and rows[-1] - j * tiling.block_k >= tiling.window


@attempt("mask_of_last_row")
def _(tiling, i, j):
    return tiling.causal and (_end(tiling, j) > _last(tiling, i) or _old(tiling, i, j))


@attempt("mask_of_diagonal_key")
def _(tiling, i, j):
    if tiling.causal and _first(tiling, i) <= _end(tiling, j):
        return True
    return _old(tiling, i, j)


@attempt("mask_without_window")
def _(tiling, i, j):
    if not tiling.causal:
        return False
    return _first(tiling, i) < _end(tiling, j)


@attempt("mask_window_too_long")
def _(tiling, i, j):
    if tiling.causal and _first(tiling, i) < _end(tiling, j):
        return True
    return bool(tiling.window) and _last(tiling, i) - j * tiling.block_k > tiling.window


@attempt("mask_and")
def _(tiling, i, j):
    ahead = tiling.causal and _first(tiling, i) < _end(tiling, j)
    return ahead and (tiling.window is None or _old(tiling, i, j))


@attempt("mask_always")
def _(tiling, i, j):
    return bool(tiling.causal)


@attempt("mask_ragged")
def _(tiling, i, j):
    if (j + 1) * tiling.block_k > tiling.T_k:
        return True
    return tiling.causal and (_first(tiling, i) < _end(tiling, j) or _old(tiling, i, j))
