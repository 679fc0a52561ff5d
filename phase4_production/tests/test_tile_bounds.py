"""Tile bounds: by hand, and against a look at every score."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import tile_bounds
from phase4_production.solution.tile_bounds import Tiling
from shared import checks


def seen(tiling, r, c):
    """Whether query r sees key c, from the definition."""
    position = r + tiling.T_k - tiling.T_q
    if not tiling.causal:
        return True
    return c <= position and (tiling.window is None or c > position - tiling.window)


def look(tiling, i, j):
    """All scores of a tile, seen or not, one after the other."""
    rows = range(i * tiling.block_q, min((i + 1) * tiling.block_q, tiling.T_q))
    columns = range(j * tiling.block_k, min((j + 1) * tiling.block_k, tiling.T_k))
    return [seen(tiling, r, c) for r in rows for c in columns]


def listed(found):
    """The tiles of a range, as a list that can be compared; anything else as it is."""
    return list(found) if isinstance(found, range) else found


def words(tiling):
    seen = "all" if not tiling.causal else f"causal, window {tiling.window}"
    blocks = f"tiles of {tiling.block_q} x {tiling.block_k}"
    return f"{tiling.T_q} queries, {tiling.T_k} keys, {seen}, {blocks}"


def check_tiles(tiling):
    found, expected = [], []
    for i in range(tiling.n_query_tiles):
        found.append(listed(tile_bounds.key_tiles(tiling, i)))
        expected.append([j for j in range(tiling.n_key_tiles) if any(look(tiling, i, j))])
    checks.equal(found, expected, f"key tiles of every query tile: {words(tiling)}")


def check_masks(tiling):
    tiles = [(i, j) for i in range(tiling.n_query_tiles) for j in range(tiling.n_key_tiles)]
    found = [tile_bounds.needs_mask(tiling, i, j) for i, j in tiles]
    expected = [not all(look(tiling, i, j)) for i, j in tiles]
    checks.equal(found, expected, f"needs_mask of every tile, row by row: {words(tiling)}")


CASES = [
    Tiling(8, 8, causal=True, block_q=2, block_k=2),  # the diagonal
    Tiling(7, 5, block_q=3, block_k=2),  # everybody sees everything
    Tiling(12, 12, causal=True, block_q=4, block_k=2),  # tiles that are not square
    Tiling(12, 12, causal=True, block_q=2, block_k=4),
    Tiling(11, 11, causal=True, block_q=4, block_k=3),  # ragged ends
    Tiling(4, 10, causal=True, block_q=2, block_k=2),  # a cache comes before the queries
    Tiling(1, 9, causal=True, block_q=4, block_k=4),  # a step of decoding
    Tiling(9, 4, causal=True, block_q=2, block_k=2),  # early queries see nothing
    Tiling(12, 12, causal=True, window=4, block_q=2, block_k=2),
    Tiling(12, 12, causal=True, window=5, block_q=2, block_k=2),
    Tiling(12, 12, causal=True, window=1, block_q=3, block_k=3),
    Tiling(5, 14, causal=True, window=3, block_q=4, block_k=3),
    Tiling(9, 4, causal=True, window=2, block_q=2, block_k=2),
]


@pytest.mark.exercise("4.3")
def test_a_causal_square_by_hand():
    """Sixteen tiles of 2 x 2: the first query tile reads one, the last one four."""
    tiling = Tiling(8, 8, causal=True, block_q=2, block_k=2)
    found = [tile_bounds.key_tiles(tiling, i) for i in range(4)]
    checks.law(all(isinstance(r, range) for r in found), "key_tiles returns a range", found)
    expected = [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
    checks.equal([list(r) for r in found], expected, "key tiles of four causal query tiles")


@pytest.mark.exercise("4.3")
@pytest.mark.parametrize("tiling", CASES, ids=words)
def test_tiles_that_are_read(tiling):
    check_tiles(tiling)


@pytest.mark.exercise("4.3")
def test_masks_of_a_causal_square_by_hand():
    tiling = Tiling(6, 6, causal=True, block_q=2, block_k=2)
    found = [[tile_bounds.needs_mask(tiling, i, j) for j in range(i + 1)] for i in range(3)]
    expected = [[True], [False, True], [False, False, True]]
    checks.equal(found, expected, "needs_mask of the tiles up to the diagonal")


@pytest.mark.exercise("4.3")
@pytest.mark.parametrize("tiling", CASES, ids=words)
def test_tiles_that_an_edge_cuts(tiling):
    check_masks(tiling)


@st.composite
def tilings(draw):
    window = draw(st.none() | st.integers(1, 20))
    sizes = [draw(st.integers(1, most)) for most in (14, 14, 5, 5)]
    causal = window is not None or draw(st.booleans())
    return Tiling(*sizes[:2], causal, window, *sizes[2:])


@pytest.mark.exercise("4.3")
@settings(max_examples=60)
@given(tilings())
def test_any_tiling(tiling):
    check_tiles(tiling)
    check_masks(tiling)


@pytest.mark.exercise("4.3")
def test_no_look_at_the_tiles():
    """A billion keys: who looks at every score, or at every tile, is not done in time."""
    tiling = Tiling(2**30, 2**30, causal=True, window=2**20, block_q=128, block_k=64)
    last = tiling.n_query_tiles - 1
    found = tile_bounds.key_tiles(tiling, last)
    checks.law(isinstance(found, range), "key_tiles returns a range", found)
    # The first row of the tile sees back to key 2^30 - 128 - 2^20 + 1, within the tile before.
    expected = (2**24 - 2 - 2**14, 2**24)
    checks.equal(
        (found.start, found.stop), expected, "range of the last query tile of 2^30 queries"
    )


# -- proofs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tiling", CASES, ids=words)
def test_visible_is_the_definition(tiling):
    for i in range(tiling.n_query_tiles):
        for j in range(tiling.n_key_tiles):
            assert tiling.visible(i, j).flatten().tolist() == look(tiling, i, j)


def test_about_half_of_a_causal_matrix_is_read():
    tiling = Tiling(4096, 4096, causal=True)
    read = sum(len(tile_bounds.key_tiles(tiling, i)) for i in range(tiling.n_query_tiles))
    checks.equal(read, 64 * 65 // 2, "tiles of the lower triangle and the diagonal")


def test_what_makes_no_sense_is_named():
    with pytest.raises(ValueError, match="needs causal"):
        Tiling(4, 4, window=2)
    for change in ({"T_q": 0}, {"window": 0}, {"block_k": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            dataclasses.replace(Tiling(4, 4, causal=True), **change)
    with pytest.raises(IndexError, match="query tile 2 of 2"):
        tile_bounds.key_tiles(Tiling(4, 4, block_q=2), 2)
