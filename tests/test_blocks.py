"""Whether your own blocks are in use is known, and over when the block is."""

import pytest

from shared import blocks


def test_programs_can_ask_whose_blocks_run():
    assert not blocks.are_mine()
    with blocks.mine([]):
        assert blocks.are_mine()
    assert not blocks.are_mine()


def test_an_error_inside_puts_them_away():
    with pytest.raises(RuntimeError), blocks.mine([]):
        raise RuntimeError
    assert not blocks.are_mine()
