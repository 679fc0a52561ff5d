"""Frame a message as a server-sent event: how a server speaks before it has finished thinking.

WHATWG HTML Living Standard, section 9.2 (server-sent events), 9.2.5 and 9.2.6: a stream of UTF-8
lines, and an empty line ends an event.
"""

import re


def event(data: str, name: str = "") -> str:
    """Return one event, as it goes over the wire.

    Every line of the data becomes a line of its own, behind "data: "; a line ends at CR LF, CR or
    LF, nowhere else, and an empty one counts. The reader puts them together again with LF. The
    name, if there is one, comes first, on a line behind "event: ". Lines end in LF, and an empty
    line ends the event.

    Args:
        data: any text, also none.
        name: the event's type; "" sends no such line.

    Raises:
        ValueError: if the name has more than one line: the rest would be read as a field.
    """
    if "\n" in name or "\r" in name:
        raise ValueError(f"the name of an event is one line, got {name!r}")
    # TODO 4.21: One event of a server-sent stream, whatever lines its data has.
    raise NotImplementedError("exercise 4.21: event")
