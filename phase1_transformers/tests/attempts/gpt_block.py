"""The mistakes of `solution/gpt.py` in another style: the block."""

from shared.mistakes import attempt


@attempt("block_post_norm")
def _(self, x, rotary=None, cache=None):
    attended = self.attention(x, rotary=rotary, cache=cache)
    h = self.attention_norm(self.dropout(attended) + x)
    thought = self.feedforward(h)
    return self.feedforward_norm(self.dropout(thought) + h)


@attempt("block_residual_from_normed")
def _(self, x, rotary=None, cache=None):
    n = self.attention_norm(x)
    h = n + self.dropout(self.attention(n, rotary, cache))
    m = self.feedforward_norm(h)
    out = self.feedforward(m)
    return self.dropout(out) + m


@attempt("block_without_residual")
def _(self, x, rotary=None, cache=None):
    for norm, layer in (
        (self.attention_norm, lambda h: self.attention(h, rotary, cache)),
        (self.feedforward_norm, self.feedforward),
    ):
        x = self.dropout(layer(norm(x)))
    return x


@attempt("block_one_residual")
def _(self, x, rotary=None, cache=None):
    h = self.attention(self.attention_norm(x), rotary, cache)
    h = self.feedforward_norm(self.dropout(h) + x)
    h = self.feedforward(h)
    return self.dropout(h)


@attempt("block_parallel")
def _(self, x, rotary=None, cache=None):
    a = self.attention(self.attention_norm(x), rotary=rotary, cache=cache)
    f = self.feedforward(self.feedforward_norm(x))
    return self.dropout(a) + self.dropout(f) + x


@attempt("block_one_norm_for_both")
def _(self, x, rotary=None, cache=None):
    norm = self.attention_norm
    residual = x
    x = residual + self.dropout(self.attention(norm(x), rotary, cache))
    residual = x
    return residual + self.dropout(self.feedforward(norm(x)))


@attempt("block_feedforward_first")
def _(self, x, rotary=None, cache=None):
    thought = self.feedforward(self.feedforward_norm(x))
    h = x + self.dropout(thought)
    gathered = self.attention(self.attention_norm(h), rotary, cache)
    return self.dropout(gathered) + h


@attempt("block_without_second_norm")
def _(self, x, rotary=None, cache=None):
    gathered = self.attention(self.attention_norm(x), rotary, cache)
    h = self.dropout(gathered) + x
    return self.dropout(self.feedforward(h)) + h


@attempt("block_forgets_rotary")
def _(self, x, rotary=None, cache=None):
    h = self.attention_norm(x)
    h = x + self.dropout(self.attention(h, cache=cache))
    g = self.feedforward_norm(h)
    return h + self.dropout(self.feedforward(g))


@attempt("block_forgets_cache")
def _(self, x, rotary=None, cache=None):
    h = x + self.dropout(self.attention(self.attention_norm(x), rotary, None))
    return self.dropout(self.feedforward(self.feedforward_norm(h))) + h


@attempt("block_drops_the_stream")
def _(self, x, rotary=None, cache=None):
    gathered = self.attention(self.attention_norm(x), rotary, cache)
    h = self.dropout(gathered + x)
    thought = self.feedforward(self.feedforward_norm(h))
    return self.dropout(thought + h)


@attempt("block_without_dropout")
def _(self, x, rotary=None, cache=None):
    h = self.attention(self.attention_norm(x), rotary, cache) + x
    return self.feedforward(self.feedforward_norm(h)) + h


@attempt("block_in_place")
def _(self, x, rotary=None, cache=None):
    gathered = self.dropout(self.attention(self.attention_norm(x), rotary, cache))
    x.add_(gathered)
    thought = self.dropout(self.feedforward(self.feedforward_norm(x)))
    return x.add_(thought)
