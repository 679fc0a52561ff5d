"""A model without weights for tests of the engine: what follows is a hash of all that came before.

It reads the text back from its cache through the block tables, as attention does, so that a block
that is shared wrongly, overwritten or written into the wrong place changes what it says.
"""

import hashlib

import torch

V, END, POISON = 24, 0, 23


def logits_after(ids):
    """Give the logits that follow a text: NaN if it holds the poison."""
    if POISON in ids:
        return torch.full((V,), torch.nan)
    digest = hashlib.sha256(bytes(ids)).digest()
    # A text that repeats itself is likely, so that n-gram guesses are sometimes right.
    logits = torch.tensor(list(digest[:V])) / 64
    logits[POISON] = -torch.inf
    logits[1 + sum(ids[-2:]) % 7] += 3
    return logits


class ToyRunner:
    """Runs batches; its cache holds ids and positions instead of keys and values."""

    def __init__(self, n_blocks, block_size):
        self.n_blocks, self.block_size = n_blocks, block_size
        self.cache = torch.full((n_blocks * block_size, 2), -1)
        self.n_tokens = []

    def run(self, batch):
        self.n_tokens.append(len(batch.ids))
        assert len(set(batch.slots.tolist())) == len(batch.slots), "two tokens in one slot"
        self.cache[batch.slots] = torch.stack([batch.ids, batch.positions], 1)
        rows = []
        for row in batch.wanted.tolist():
            s = int((batch.starts <= row).sum()) - 1
            after = int(batch.starts[s + 1]) - row - 1
            rows.append(logits_after(self._read(batch, s, int(batch.lengths[s]) - after)))
        return torch.stack(rows) if rows else torch.empty(0, V)

    def _read(self, batch, s, length):
        places = torch.arange(length)
        blocks = batch.block_tables[s][places // self.block_size].long()
        kept = self.cache[blocks * self.block_size + places % self.block_size]
        assert kept[:, 1].tolist() == places.tolist(), "the cache holds other places"
        return kept[:, 0].tolist()


class ToyTokenizer:
    """Letters; the end token is 0."""

    vocab_size, eos_ids = V, (END,)

    def bytes_of(self, token):
        return b"" if token == END else bytes([96 + token])

    def text_of(self, token):
        return self.bytes_of(token).decode()
