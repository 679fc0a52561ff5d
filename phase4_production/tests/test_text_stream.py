"""Pieces by hand; then the law: whatever the pieces, the text is that of all bytes at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import text_stream
from shared import checks


def stream(pieces, stop=()):
    """What each push returns, then what finish does, and which stop string ended it."""
    one = text_stream.TextStream(stop)
    said = [one.push(p if isinstance(p, bytes) else p.encode()) for p in pieces]
    return [*said, one.finish()], one.stopped


# -- where the text ends --------------------------------------------------------------------------


@pytest.mark.exercise("4.21")
def test_where_it_stops():
    found = text_stream.first_stop("one END two", ("END",))
    checks.equal(found, (4, "END"), "first stop of 'one END two'")
    found = text_stream.first_stop("one END", ("END",))
    checks.equal(found, (4, "END"), "first stop of 'one END'")
    checks.equal(text_stream.first_stop("one", ("END",)), None, "first stop of a text without")
    checks.equal(text_stream.first_stop("one", ()), None, "first stop when there are none")
    checks.equal(text_stream.first_stop("END", ("END",)), (0, "END"), "a text that is the stop")


@pytest.mark.exercise("4.21")
def test_which_stop_is_complete_first():
    found = text_stream.first_stop("a. b; c.", (";", "."))
    checks.equal(found, (1, "."), "first stop of 'a. b; c.', given as ; and .")
    found = text_stream.first_stop("xabcy", ("abc", "b"))
    checks.equal(found, (2, "b"), "first stop: b is complete before abc is")
    found = text_stream.first_stop("xaby", ("b", "ab"))
    checks.equal(found, (1, "ab"), "first stop: ab and b end together, and ab is longer")
    found = text_stream.first_stop("xbay", ("a", "ba"))
    checks.equal(found, (1, "ba"), "first stop: a and ba end together, and ba is longer")


@pytest.mark.exercise("4.21")
def test_what_may_become_a_stop():
    for text, stop, expected in [
        ("see E", ("END",), 1),
        ("see EN", ("END",), 2),
        ("EN", ("END",), 2),
        ("see Ex", ("END",), 0),
        ("see", ("END",), 0),
        ("see N", ("END",), 0),
        ("ENEN", ("END",), 2),
        ("see abab", ("ababc",), 4),
        ("aab", ("aabb", "abc"), 3),
        ("xab", ("zz", "abc", "bcde"), 2),
        ("xab", ("bcde", "abc"), 2),
        ("", ("END",), 0),
        ("abc", (), 0),
    ]:
        found = text_stream.held_back(text, stop)
        checks.equal(found, expected, f"characters of {text!r} that wait for {stop}")


# -- pieces ---------------------------------------------------------------------------------------


@pytest.mark.exercise("4.21")
def test_text_flows():
    checks.equal(stream(["He", "llo", ""]), (["He", "llo", "", ""], None), "plain pieces")


@pytest.mark.exercise("4.21")
def test_never_half_a_character():
    """é is two bytes, 🙂 four."""
    pieces = [b"caf\xc3", b"\xa9 \xf0\x9f", b"\x99", b"\x82!"]
    expected = ["caf", "é ", "", "🙂!", ""]
    checks.equal(stream(pieces), (expected, None), "pieces that end inside characters")


@pytest.mark.exercise("4.21")
def test_bytes_that_are_no_text():
    expected = ["a\ufffdb", "\ufffdc", "", "\ufffd"]
    checks.equal(stream([b"a\xffb", b"\xc3c", b"\xe2\x82"]), (expected, None), "broken bytes")


@pytest.mark.exercise("4.21")
def test_the_beginning_of_a_stop_waits():
    found = stream(["one E", "N", "D two", "three"], ("END",))
    checks.equal(found, (["one ", "", "", "", ""], "END"), "a stop string in three pieces")
    found = stream(["one E", "N", "T two", " E"], ("END",))
    checks.equal(found, (["one ", "", "ENT two", " ", "E"], None), "a beginning of nothing")
    found = stream(["EEN", "ENDx"], ("END",))
    checks.equal(found, (["E", "EN", ""], "END"), "a stop string that begins again")


@pytest.mark.exercise("4.21")
def test_after_the_stop_there_is_nothing():
    found = stream(["a.b", "c", "d.e"], (".",))
    checks.equal(found, (["a", "", "", ""], "."), "pieces after a stop string")
    checks.equal(stream(["a\n\nb"], ("\n\n", "\n")), (["a", ""], "\n"), "the one complete first")
    checks.equal(stream([b"a.\xc3"], (".",)), (["a", ""], "."), "a stop, and half a character")


@pytest.mark.exercise("4.21")
def test_stops_of_several_bytes():
    found = stream([b"gut\xe2", b"\x80", b"\x94aus"], ("—",))
    checks.equal(found, (["gut", "", "", ""], "—"), "a stop string of one character in three bytes")


@pytest.mark.exercise("4.21")
def test_the_end_may_complete_a_stop():
    found = stream([b"one", b" END\xe2"], ("END\ufffd",))
    checks.equal(found, (["one", " ", ""], "END\ufffd"), "half a character at the end, in a stop")
    found = stream([b"one A", b"END\xe2"], ("AENDX", "END\ufffd"))
    checks.equal(found, (["one ", "", "A"], "END\ufffd"), "what waited in front of that stop")


@pytest.mark.exercise("4.21")
def test_every_cut_gives_one_text():
    text = "ab🙂abc ENEND rest".encode()
    for stop in [("END",), ("abd", "c E"), ("bc ENE", "c ", "zz")]:
        whole = "".join(stream([text], stop)[0])
        for a in range(len(text)):
            said, _ = stream([text[:a], text[a : a + 3], text[a + 3 :]], stop)
            checks.equal("".join(said), whole, f"the text with the stops {stop}, cut at byte {a}")


def at_once(data, stop):
    """Character by character over the whole text: the first prefix that ends in a stop string."""
    text = data.decode(errors="replace")
    for end in range(1, len(text) + 1):
        ends = [one for one in stop if text[:end].endswith(one)]
        if ends:
            longest = max(ends, key=len)
            return text[: end - len(longest)], longest
    return text, None


@given(
    st.lists(st.binary(max_size=4) | st.text("abé", max_size=4).map(str.encode), max_size=8),
    st.lists(st.text("abé\ufffd", min_size=1, max_size=4), max_size=3).map(tuple),
)
@settings(max_examples=400, deadline=None)
def test_the_text_of_all_bytes_at_once(pieces, stop):
    said, stopped = stream(pieces, stop)
    checks.equal(("".join(said), stopped), at_once(b"".join(pieces), stop), "text and stop")


@given(st.text("ab", max_size=10), st.lists(st.text("ab", min_size=1, max_size=4)).map(tuple))
@settings(max_examples=200, deadline=None)
def test_nothing_waits_without_need(text, stop):
    """What is held back could be completed to a stop string; nothing longer could."""
    if text_stream.first_stop(text, stop) is None:
        n = text_stream.held_back(text, stop)
        could = [m for m in range(1, len(text) + 1) if any(s.startswith(text[-m:]) for s in stop)]
        checks.equal(n, max(could, default=0), "characters held back")
