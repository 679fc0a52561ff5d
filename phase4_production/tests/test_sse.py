"""Events by hand; then read back by a parser of the standard, and by the openai client."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import sse
from shared import checks


def read(stream):
    """Parse a stream as section 9.2.6 of the standard says: (name, data) of each event."""
    found, name, data = [], "", None
    for line in re.split("\r\n|\r|\n", stream):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data is not None:
                found.append((name, data.removesuffix("\n")))
            name, data = "", None
        elif field == "data":
            data = (data or "") + value + "\n"
        elif field == "event":
            name = value
    return found


@pytest.mark.exercise("4.21")
def test_one_line():
    checks.equal(sse.event("[DONE]"), "data: [DONE]\n\n", "the event that says [DONE]")
    checks.equal(sse.event("x", "ping"), "event: ping\ndata: x\n\n", "an event with a name")


@pytest.mark.exercise("4.21")
def test_several_lines():
    checks.equal(sse.event("a\nb"), "data: a\ndata: b\n\n", "an event of two lines")
    checks.equal(sse.event("a\n\nb"), "data: a\ndata: \ndata: b\n\n", "an empty line between two")
    checks.equal(sse.event("a\n"), "data: a\ndata: \n\n", "a line end at the end")
    checks.equal(sse.event(""), "data: \n\n", "an event that says nothing")


@pytest.mark.exercise("4.21")
def test_every_kind_of_line_end():
    checks.equal(sse.event("a\r\nb\rc"), "data: a\ndata: b\ndata: c\n\n", "CR LF and CR")
    checks.equal(sse.event("a\n\rb"), "data: a\ndata: \ndata: b\n\n", "LF CR: two line ends")
    checks.equal(sse.event("a\u2028b\x0bc"), "data: a\u2028b\x0bc\n\n", "no line ends: U+2028, VT")


@pytest.mark.exercise("4.21")
def test_spaces_stay():
    checks.equal(sse.event("  two, and at the end "), "data:   two, and at the end \n\n", "spaces")
    checks.equal(sse.event("data: x"), "data: data: x\n\n", "data that looks like a field")


@given(st.lists(st.text(st.sampled_from("ab: \n\r\u2028é")), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_is_sent_is_what_is_read(messages):
    stream = "".join(sse.event(data, "n") for data in messages)
    expected = [("n", re.sub("\r\n|\r", "\n", data)) for data in messages]
    checks.equal(read(stream), expected, "events read back")


def test_the_openai_client_reads_it():
    streaming = pytest.importorskip("openai._streaming", reason="read by the openai client")
    stream = sse.event('{"a": "é"}') + sse.event("two\nlines", "named") + sse.event("[DONE]")
    # The client takes bytes as they come: here one by one, so in the middle of é, too.
    pieces = (bytes([one]) for one in stream.encode())
    found = [(e.event, e.data) for e in streaming.SSEDecoder().iter_bytes(pieces)]
    expected = [(None, '{"a": "é"}'), ("named", "two\nlines"), (None, "[DONE]")]
    checks.equal(found, expected, "events as the openai client reads them")


def test_a_name_of_two_lines_is_refused():
    checks.raises(lambda: sse.event("x", "a\ndata: y"), ValueError, "a name with a line end")
