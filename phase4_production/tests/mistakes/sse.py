"""Classic wrong answers for `solution/sse.py`."""

import re

from shared.mistakes import mistake


@mistake(
    "4.21",
    "sse.event",
    "One line end at the end: without an empty line the reader never learns that the event is over.",
)
def event_without_the_empty_line(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in re.split("\r\n|\r|\n", data)]
    return "\n".join(lines) + "\n"


@mistake(
    "4.21",
    "sse.event",
    "Only the first line has its `data: `; the reader ignores the others, or ends the event there.",
)
def event_one_prefix(data, name=""):
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data}\n\n"


@mistake(
    "4.21",
    "sse.event",
    "Line ends of the data are lost: an empty one, in between or at the end, counts as well.",
)
def event_drops_empty_lines(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in re.split("\r\n|\r|\n", data) if line]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "str.splitlines drops an empty last line, and ends lines where the format does not.",
)
def event_splitlines(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in data.splitlines() or [""]]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "Only LF is taken for a line end; a CR in the data ends the reader's line as well.",
)
def event_line_feeds_only(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in data.split("\n")]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "CR LF is one line end; here it makes an empty line of its own.",
)
def event_two_ends_of_one(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in re.split("\r|\n", data)]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "Spaces of the data are lost: tokens begin with spaces, and words would run together.",
)
def event_strips(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line.strip()}" for line in re.split("\r\n|\r|\n", data)]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "The space behind the colon is missing: the reader takes one space away, which may be the data's.",
)
def event_without_the_space(data, name=""):
    lines = [f"event:{name}"] if name else []
    lines += [f"data:{line}" for line in re.split("\r\n|\r|\n", data)]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "The name comes after the data; it is asked for first.",
)
def event_name_last(data, name=""):
    lines = [f"data: {line}" for line in re.split("\r\n|\r|\n", data)]
    lines += [f"event: {name}"] if name else []
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "The name is left out.",
)
def event_without_name(data, name=""):
    lines = [f"data: {line}" for line in re.split("\r\n|\r|\n", data)]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "LF CR is taken for one line end; only CR LF is one, and the empty line between the two is lost.",
)
def event_joins_lf_cr(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in re.split("\r\n|\n\r|\r|\n", data)]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "The data's ends are stripped; its spaces and its last line end are the message's own.",
)
def event_strips_the_data(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in re.split("\r\n|\r|\n", data.strip())]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "A CR alone stays in the data; it ends the reader's line just as LF and CR LF do.",
)
def event_keeps_lone_cr(data, name=""):
    lines = [f"event: {name}"] if name else []
    lines += [f"data: {line}" for line in re.split("\r\n|\n", data)]
    return "\n".join(lines) + "\n\n"


@mistake(
    "4.21",
    "sse.event",
    "An event for each line: the reader gets several messages where one was sent.",
)
def event_for_each_line(data, name=""):
    head = f"event: {name}\n" if name else ""
    return "".join(f"{head}data: {line}\n\n" for line in re.split("\r\n|\r|\n", data))
