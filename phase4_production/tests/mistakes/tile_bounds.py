"""Classic wrong answers for `solution/tile_bounds.py`."""

from shared.mistakes import mistake


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "Tile i reads up to tile i: right for square tiles only. Count in keys, then divide by block_k.",
)
def tiles_square(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    rows, shift = tiling.rows(i), tiling.T_k - tiling.T_q
    oldest = 0 if tiling.window is None else rows.start + shift - tiling.window + 1
    return range(max(oldest, 0) // tiling.block_k, min(i + 1, tiling.n_key_tiles))


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "A query's row is taken for its position; the last query stands at the last key, T_k - T_q further on.",
)
def tiles_without_shift(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    rows = tiling.rows(i)
    stop = min((rows.stop - 1) // tiling.block_k + 1, tiling.n_key_tiles)
    oldest = 0 if tiling.window is None else rows.start - tiling.window + 1
    return range(max(oldest, 0) // tiling.block_k, stop)


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "The end is that of the tile's first query; the last one of them sees the furthest.",
)
def tiles_end_of_first_row(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    rows, shift = tiling.rows(i), tiling.T_k - tiling.T_q
    oldest = 0 if tiling.window is None else rows.start + shift - tiling.window + 1
    return range(max(oldest, 0) // tiling.block_k, (rows.start + shift) // tiling.block_k + 1)


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "The last tile is left out, the one that holds the diagonal: a range ends before its stop.",
)
def tiles_without_last(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    rows, shift = tiling.rows(i), tiling.T_k - tiling.T_q
    oldest = 0 if tiling.window is None else rows.start + shift - tiling.window + 1
    return range(max(oldest, 0) // tiling.block_k, (rows.stop - 1 + shift) // tiling.block_k)


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "One tile too many where a query tile ends with a key tile: rows.stop is already the next query.",
)
def tiles_one_too_many(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    rows, shift = tiling.rows(i), tiling.T_k - tiling.T_q
    stop = min((rows.stop + shift) // tiling.block_k + 1, tiling.n_key_tiles)
    oldest = 0 if tiling.window is None else rows.start + shift - tiling.window + 1
    return range(max(oldest, 0) // tiling.block_k, stop)


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "The window is ignored: under one, the early tiles need not be read either.",
)
def tiles_without_window(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    return range((tiling.rows(i).stop - 1 + tiling.T_k - tiling.T_q) // tiling.block_k + 1)


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "The window's start is that of the tile's last query; the first one of them sees further back.",
)
def tiles_window_of_last_row(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    rows, shift = tiling.rows(i), tiling.T_k - tiling.T_q
    oldest = 0 if tiling.window is None else rows.stop - 1 + shift - tiling.window + 1
    return range(max(oldest, 0) // tiling.block_k, (rows.stop - 1 + shift) // tiling.block_k + 1)


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "The window is one key too long: of (position - window, position] the left end is not in it.",
)
def tiles_window_too_long(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    rows, shift = tiling.rows(i), tiling.T_k - tiling.T_q
    oldest = 0 if tiling.window is None else rows.start + shift - tiling.window
    return range(max(oldest, 0) // tiling.block_k, (rows.stop - 1 + shift) // tiling.block_k + 1)


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "The first tile is negative: before the first key there is nothing to read.",
)
def tiles_below_zero(tiling, i):
    if not tiling.causal:
        return range(tiling.n_key_tiles)
    rows, shift = tiling.rows(i), tiling.T_k - tiling.T_q
    oldest = 0 if tiling.window is None else rows.start + shift - tiling.window + 1
    return range(oldest // tiling.block_k, (rows.stop - 1 + shift) // tiling.block_k + 1)


@mistake(
    "4.3",
    "tile_bounds.key_tiles",
    "The last key tile is lost where it is smaller: round up when the keys are cut into tiles.",
)
def tiles_ragged_lost(tiling, i):
    whole = tiling.T_k // tiling.block_k
    if not tiling.causal:
        return range(whole)
    rows, shift = tiling.rows(i), tiling.T_k - tiling.T_q
    oldest = 0 if tiling.window is None else rows.start + shift - tiling.window + 1
    stop = (rows.stop - 1 + shift) // tiling.block_k + 1
    return range(max(oldest, 0) // tiling.block_k, min(stop, whole))


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "Only tile (i, i) is taken for cut: right for square tiles and as many queries as keys only.",
)
def mask_square(tiling, i, j):
    if not tiling.causal:
        return False
    rows, columns = tiling.rows(i), tiling.columns(j)
    window = tiling.T_k + tiling.T_q if tiling.window is None else tiling.window
    return i == j or columns.start <= rows.stop - 1 + tiling.T_k - tiling.T_q - window


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "A query's row is taken for its position; the last query stands at the last key, T_k - T_q further on.",
)
def mask_without_shift(tiling, i, j):
    if not tiling.causal:
        return False
    rows, columns = tiling.rows(i), tiling.columns(j)
    window = tiling.T_k + tiling.T_q if tiling.window is None else tiling.window
    return columns.stop - 1 > rows.start or columns.start <= rows.stop - 1 - window


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "The tile's last query decides; the first one of them sees less, and the mask is for it.",
)
def mask_of_last_row(tiling, i, j):
    if not tiling.causal:
        return False
    rows, columns, shift = tiling.rows(i), tiling.columns(j), tiling.T_k - tiling.T_q
    window = tiling.T_k + tiling.T_q if tiling.window is None else tiling.window
    last = rows.stop - 1 + shift
    return columns.stop - 1 > last or columns.start <= last - window


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "One tile too many: a key at the first query's own position is seen by all of them.",
)
def mask_of_diagonal_key(tiling, i, j):
    if not tiling.causal:
        return False
    rows, columns, shift = tiling.rows(i), tiling.columns(j), tiling.T_k - tiling.T_q
    window = tiling.T_k + tiling.T_q if tiling.window is None else tiling.window
    return columns.stop - 1 >= rows.start + shift or columns.start <= rows.stop - 1 + shift - window


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "The window has an edge, too, and the tiles on it need a mask.",
)
def mask_without_window(tiling, i, j):
    shift = tiling.T_k - tiling.T_q
    return tiling.causal and tiling.columns(j).stop - 1 > tiling.rows(i).start + shift


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "The key at position - window is taken for seen; (position - window, position] does not hold it.",
)
def mask_window_too_long(tiling, i, j):
    if not tiling.causal:
        return False
    rows, columns, shift = tiling.rows(i), tiling.columns(j), tiling.T_k - tiling.T_q
    window = tiling.T_k + tiling.T_q if tiling.window is None else tiling.window
    return columns.stop - 1 > rows.start + shift or columns.start < rows.stop - 1 + shift - window


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "Both edges are asked for at once; either of them cuts.",
)
def mask_and(tiling, i, j):
    if not tiling.causal:
        return False
    rows, columns, shift = tiling.rows(i), tiling.columns(j), tiling.T_k - tiling.T_q
    ahead = columns.stop - 1 > rows.start + shift
    if tiling.window is None:
        return ahead
    return ahead and columns.start <= rows.stop - 1 + shift - tiling.window


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "Every causal tile is masked: right results, and the work that this saves is the point.",
)
def mask_always(tiling, i, j):
    return tiling.causal


@mistake(
    "4.3",
    "tile_bounds.needs_mask",
    "A smaller last tile is taken for cut; its keys are simply fewer, and all of them may be seen.",
)
def mask_ragged(tiling, i, j):
    rows, columns, shift = tiling.rows(i), tiling.columns(j), tiling.T_k - tiling.T_q
    if columns.stop - columns.start < tiling.block_k:
        return True
    if not tiling.causal:
        return False
    window = tiling.T_k + tiling.T_q if tiling.window is None else tiling.window
    return columns.stop - 1 > rows.start + shift or columns.start <= rows.stop - 1 + shift - window
