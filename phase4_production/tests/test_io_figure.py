"""The figure of bytes over tile sizes: its numbers, its picture, its refusals."""

import dataclasses

import pytest

from phase4_production.project import io_figure
from phase4_production.project.io_figure import Config
from shared import checks

SMALL = Config(length=256, head=16, fast_kib=4)


def test_larger_tiles_move_less():
    points = [io_figure.count(SMALL, size) for size in (16, 32, 64)]
    # Passes over k and v: 256 / 16; each is 2 * 256 * 16 numbers of two bytes. Then q, O and L.
    expected = 2 * (16 * 2 * 256 * 16 + 2 * 256 * 16 + 256) / 1e6
    checks.close(points[0].queries_outside, expected, "MB, queries outside")
    for order in ("queries_outside", "keys_outside", "theorem"):
        found = [getattr(point, order) for point in points]
        checks.law(found == sorted(found, reverse=True), f"{order} falls", found)


def test_what_fits_is_said():
    checks.equal(SMALL.fits, 32, "rows: 4 KiB are 2048 numbers, four tiles of 32 x 16")
    text = io_figure.table(SMALL, [io_figure.count(SMALL, size) for size in (32, 64)])
    checks.equal(
        [line.endswith("too large") for line in text.splitlines()[1:3]], [False, True], "too large"
    )


def test_the_picture_is_drawn(tmp_path):
    points = [io_figure.count(SMALL, size) for size in io_figure.SIZES]
    path = io_figure.draw(SMALL, points, tmp_path / "io.png")
    assert path.stat().st_size > 0


def test_what_cannot_be_is_refused():
    for change in ({"length": 0}, {"fast_kib": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            dataclasses.replace(SMALL, **change)
    with pytest.raises(ValueError, match="do not fit"):
        Config(head=4096, fast_kib=1)
