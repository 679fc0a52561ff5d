"""Turn the bytes of tokens into text that may be sent now, and never has to be taken back.

A token of a byte-level tokenizer is a piece of UTF-8 and may end inside a character. And the text
may end inside a stop string, of which nobody shall see the beginning. Both wait for what follows.
"""

import codecs


def first_stop(text: str, stop: tuple[str, ...]) -> tuple[int, str] | None:
    """Find the stop string that is complete first, reading the text from its beginning.

    That is the one that ends first; of two that end at the same character, the longest.

    Returns:
        Where it begins and which one it is, or None if the text has none of them.
    """
    found = [(text.find(one), one) for one in stop if one in text]
    return min(found, key=lambda at: (at[0] + len(at[1]), at[0]), default=None)


def held_back(text: str, stop: tuple[str, ...]) -> int:
    """Return how many of the last characters of a text a stop string may begin with.

    Args:
        text: has no complete stop string.

    Returns:
        The length of the longest end of the text that is a beginning of any stop string; 0 if
        there is none.
    """
    for start in range(len(text)):
        if any(one.startswith(text[start:]) for one in stop):
            return len(text) - start
    return 0


class TextStream:
    """The text of one answer, piece by piece.

    Whatever the pieces are cut into, all that is returned is the same when it is put together: the
    text, up to the first stop string to be complete, which is left out. Bytes that are no UTF-8
    become U+FFFD, as in `bytes.decode(errors="replace")`.

    Attributes:
        stopped: the stop string that ended the text, or None as long as there is none.
    """

    def __init__(self, stop: tuple[str, ...] = ()):
        self.stop = stop
        self.stopped: str | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""  # characters that are complete and were not returned yet

    def push(self, data: bytes) -> str:
        """Take a token's bytes and return all text that is certain now, maybe none.

        Held back are the bytes of a character that is not complete, and what a stop string may
        begin with. With a stop string `stopped` is set, and whatever follows is ignored.
        """
        if self.stopped is not None:
            return ""
        text = self._held + self._decoder.decode(data)
        if found := first_stop(text, self.stop):
            ready, self.stopped = found
        else:
            ready = len(text) - held_back(text, self.stop)
        self._held = text[ready:]
        return text[:ready]

    def finish(self) -> str:
        """Return what was held back, for nothing follows; after a stop string that is nothing.

        Half a character becomes U+FFFD, and may complete a stop string as any other.
        """
        if self.stopped is not None:
            return ""
        text = self._held + self._decoder.decode(b"", final=True)
        ready, self.stopped = first_stop(text, self.stop) or (len(text), None)
        self._held = ""
        return text[:ready]
