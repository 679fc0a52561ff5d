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
    # TODO 4.21: Where the stop string begins that is complete first, and which it is.
    raise NotImplementedError("exercise 4.21: first_stop")


def held_back(text: str, stop: tuple[str, ...]) -> int:
    """Return how many of the last characters of a text a stop string may begin with.

    Args:
        text: has no complete stop string.

    Returns:
        The length of the longest end of the text that is a beginning of any stop string; 0 if
        there is none.
    """
    # TODO 4.21: How many of the last characters may still become a stop string.
    raise NotImplementedError("exercise 4.21: held_back")


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
        # TODO 4.21: The text that is certain after one more token's bytes.
        raise NotImplementedError("exercise 4.21: TextStream.push")

    def finish(self) -> str:
        """Return what was held back, for nothing follows; after a stop string that is nothing.

        Half a character becomes U+FFFD, and may complete a stop string as any other.
        """
        # TODO 4.21: What was held back, when nothing follows.
        raise NotImplementedError("exercise 4.21: TextStream.finish")
