"""The mistakes of `mistakes/prefix_hash.py`, as others would write them."""

import hashlib

import numpy as np

from shared.mistakes import attempt


def _sha(*parts):
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return state.digest()


def _bytes(ids, order="<"):
    return np.array(ids, dtype=f"{order}i8").tobytes()


def _blocks(ids, size, first):
    """The full blocks from number `first` on."""
    ids = list(ids)
    return [ids[i : i + size] for i in range(first * size, len(ids) // size * size, size)]


@attempt("hashes_without_history")
def _(ids, block_size, known=()):
    return [*known, *(_sha(_bytes(block)) for block in _blocks(ids, block_size, len(known)))]


@attempt("hashes_of_partial_blocks")
def _(ids, block_size, known=()):
    found, at = [*known], len(known) * block_size
    while at < len(ids):
        found.append(_sha(found[-1] if found else b"", _bytes(ids[at : at + block_size])))
        at += block_size
    return found


@attempt("hashes_with_one_block_of_history")
def _(ids, block_size, known=()):
    found, blocks = [*known], _blocks(ids, block_size, 0)
    for i in range(len(known), len(blocks)):
        before = _bytes(blocks[i - 1]) if i else b""
        found.append(_sha(before, _bytes(blocks[i])))
    return found


@attempt("hashes_of_single_bytes")
def _(ids, block_size, known=()):
    found = [*known]
    for block in _blocks(ids, block_size, len(known)):
        last = found[-1] if found else b""
        found.append(_sha(last, np.array(block).astype(np.uint8).tobytes()))
    return found


@attempt("hashes_of_digits")
def _(ids, block_size, known=()):
    found = [*known]
    for block in _blocks(ids, block_size, len(known)):
        last = found[-1] if found else b""
        found.append(_sha(last, *(f"{token}".encode() for token in block)))
    return found


@attempt("hashes_name_last")
def _(ids, block_size, known=()):
    found = [*known]
    for block in _blocks(ids, block_size, len(known)):
        found.append(_sha(_bytes(block), *found[-1:]))
    return found


@attempt("hashes_ignore_the_known")
def _(ids, block_size, known=()):
    found, last = [], b""
    for block in _blocks(ids, block_size, 0):
        last = _sha(last, _bytes(block))
        found.append(last)
    return found


@attempt("hashes_big_endian")
def _(ids, block_size, known=()):
    found = [*known]
    for block in _blocks(ids, block_size, len(known)):
        found.append(_sha(*found[-1:], _bytes(block, ">")))
    return found


@attempt("hashes_begin_anew_after_the_known")
def _(ids, block_size, known=()):
    if block_size <= 0:
        raise ValueError(block_size)
    new = []
    for block in _blocks(ids, block_size, len(known)):
        new.append(_sha(new[-1] if new else b"", _bytes(block)))
    return [*known, *new]


@attempt("hashes_return_the_new_ones")
def _(ids, block_size, known=()):
    if block_size <= 0:
        raise ValueError(block_size)
    names = list(known)
    for block in _blocks(ids, block_size, len(known)):
        names.append(_sha(*names[-1:], _bytes(block)))
    return names[len(known) :]


@attempt("hashes_extend_the_known")
def _(ids, block_size, known=()):
    found = [*known] if isinstance(known, tuple) else known
    for block in _blocks(ids, block_size, len(found)):
        found += [_sha(found[-1] if found else b"", _bytes(block))]
    return found


@attempt("hashes_know_one_name")
def _(ids, block_size, known=()):
    found = [known[0]] if known else []
    for block in _blocks(ids, block_size, len(found)):
        found.append(_sha(*found[-1:], _bytes(block)))
    return found
