"""Classic wrong answers for `solution/gpt.py`: the block."""

from shared.mistakes import mistake


@mistake(
    "1.13",
    "gpt.Block.forward",
    "The norm is taken of the sum (post-norm, as in 2017); in GPT-2 only what enters a sublayer is normed, the stream never.",
)
def block_post_norm(self, x, rotary=None, cache=None):
    x = self.attention_norm(x + self.dropout(self.attention(x, rotary, cache)))
    return self.feedforward_norm(x + self.dropout(self.feedforward(x)))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "The sublayer's output is added to the normed x; the residual stream goes on with x as it came in.",
)
def block_residual_from_normed(self, x, rotary=None, cache=None):
    x = self.attention_norm(x)
    x = x + self.dropout(self.attention(x, rotary, cache))
    x = self.feedforward_norm(x)
    return x + self.dropout(self.feedforward(x))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "Nothing is added: each sublayer replaces the stream. Where is the residual connection?",
)
def block_without_residual(self, x, rotary=None, cache=None):
    x = self.dropout(self.attention(self.attention_norm(x), rotary, cache))
    return self.dropout(self.feedforward(self.feedforward_norm(x)))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "Only the first sublayer has its residual connection; the feed-forward layer must add to the stream, too.",
)
def block_one_residual(self, x, rotary=None, cache=None):
    x = x + self.dropout(self.attention(self.attention_norm(x), rotary, cache))
    return self.dropout(self.feedforward(self.feedforward_norm(x)))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "Both sublayers read the same x (a parallel block); the feed-forward layer should see what attention has gathered.",
)
def block_parallel(self, x, rotary=None, cache=None):
    attended = self.dropout(self.attention(self.attention_norm(x), rotary, cache))
    return x + attended + self.dropout(self.feedforward(self.feedforward_norm(x)))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "One norm does the work of both: each sublayer has a norm, with weights, of its own.",
)
def block_one_norm_for_both(self, x, rotary=None, cache=None):
    x = x + self.dropout(self.attention(self.attention_norm(x), rotary, cache))
    return x + self.dropout(self.feedforward(self.attention_norm(x)))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "The feed-forward layer comes first; a token gathers from the others before it thinks about it.",
)
def block_feedforward_first(self, x, rotary=None, cache=None):
    x = x + self.dropout(self.feedforward(self.feedforward_norm(x)))
    return x + self.dropout(self.attention(self.attention_norm(x), rotary, cache))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "The feed-forward layer reads the stream without its norm.",
)
def block_without_second_norm(self, x, rotary=None, cache=None):
    x = x + self.dropout(self.attention(self.attention_norm(x), rotary, cache))
    return x + self.dropout(self.feedforward(x))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "The rotary angles never reach the attention, so a modern block does not know where its tokens stand.",
)
def block_forgets_rotary(self, x, rotary=None, cache=None):
    x = x + self.dropout(self.attention(self.attention_norm(x), None, cache))
    return x + self.dropout(self.feedforward(self.feedforward_norm(x)))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "The cache never reaches the attention, so a new token sees nothing of what came before it.",
)
def block_forgets_cache(self, x, rotary=None, cache=None):
    x = x + self.dropout(self.attention(self.attention_norm(x), rotary))
    return x + self.dropout(self.feedforward(self.feedforward_norm(x)))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "Dropout falls on the sum, and so on the residual stream itself; drop from what is added, before it is added.",
)
def block_drops_the_stream(self, x, rotary=None, cache=None):
    x = self.dropout(x + self.attention(self.attention_norm(x), rotary, cache))
    return self.dropout(x + self.feedforward(self.feedforward_norm(x)))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "self.dropout is never used: it belongs on what each sublayer adds.",
)
def block_without_dropout(self, x, rotary=None, cache=None):
    x = x + self.attention(self.attention_norm(x), rotary, cache)
    return x + self.feedforward(self.feedforward_norm(x))


@mistake(
    "1.13",
    "gpt.Block.forward",
    "x += writes into the caller's tensor; x = x + ... makes a new one.",
)
def block_in_place(self, x, rotary=None, cache=None):
    x += self.dropout(self.attention(self.attention_norm(x), rotary, cache))
    x += self.dropout(self.feedforward(self.feedforward_norm(x)))
    return x
