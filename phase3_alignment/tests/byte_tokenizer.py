"""A tokenizer of bytes and a few longer pieces, which speaks as those of transformers do."""

END = "<|endoftext|>"
# Some of them begin in a header and would end in a content, were the two encoded together.
PIECES = [b":\n\n", b"\n\n", b":\n", b"\nN", b"\nY", b"User", b"Assistant", b"er", b"es", b"!<"]


class ByteTokenizer:
    """Ids: 0 to 255 are bytes, then the pieces, then the end token. The longest piece wins."""

    def __init__(self):
        self.texts = [bytes([byte]) for byte in range(256)] + PIECES
        self.eos_token_id = len(self.texts)
        self.vocab_size = len(self.texts) + 1

    def encode(self, text, *, add_special_tokens=True, split_special_tokens=False):
        parts = [text] if split_special_tokens else text.split(END)
        ids = [self.eos_token_id] if add_special_tokens else []
        for i, part in enumerate(parts):
            ids += [self.eos_token_id] * (i > 0)
            ids += self._plain(part.encode())
        return ids

    def _plain(self, data):
        ids = []
        while data:
            piece = max((p for p in PIECES if data.startswith(p)), key=len, default=data[:1])
            ids.append(self.texts.index(piece))
            data = data[len(piece) :]
        return ids

    def decode(self, ids):
        return b"".join([*self.texts, END.encode()][int(i)] for i in ids).decode(errors="replace")
