"""The mistakes of `solution/gpt.py` in another style: the GPT."""

import torch
from shared.mistakes import attempt


@attempt("gpt_without_final_norm")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = torch.nn.functional.linear(stream, self.head.weight)
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_positions_restart")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = torch.tensor(range(n_new))
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_positions_from_one")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = (n_old + 1 + torch.arange(n_new)).clamp_max(self.config.block_size - 1)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_without_learned_positions")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "rotary":
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_without_rotary")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_rotary_always")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=self.rotary(where), cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_shifts_the_targets")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is None:
        return scores, None
    rows = scores[:, : n_new - 1]
    return scores, self.ops.next_token_loss(rows.contiguous(), targets[:, 1:].contiguous())


@attempt("gpt_returns_probabilities")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = torch.softmax(self.head(self.norm(stream)), -1)
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_last_position_only")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))[:, [-1]]
    loss = self.ops.next_token_loss(scores, targets[:, [-1]]) if targets is not None else None
    return scores, loss


@attempt("gpt_never_advances")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_advances_in_every_block")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, angles, cache)
        if cache is not None:
            cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_blocks_without_cache")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, angles)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_always_tied")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = torch.nn.functional.linear(self.norm(stream), self.token_embedding.weight)
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_without_embedding_dropout")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    stream = self.token_embedding(idx)
    angles = None
    if self.config.positions == "learned":
        stream = stream + self.position_embedding(where)[None]
    else:
        angles = self.rotary(where)
    stream = stream
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_drops_before_positions")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    angles = self.rotary(where) if self.config.positions == "rotary" else None
    stream = self.dropout(self.token_embedding(idx))
    if angles is None:
        stream = stream + self.position_embedding(where)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None


@attempt("gpt_scales_the_embedding")
def _(self, idx, targets=None, cache=None):
    n_new = idx.size(1)
    n_old = cache.length if cache is not None else 0
    if n_old + n_new > self.config.block_size:
        raise ValueError(f"{n_old + n_new} tokens; block_size is {self.config.block_size}")
    where = n_old + torch.arange(n_new)
    angles = self.rotary(where) if self.config.positions == "rotary" else None
    stream = self.token_embedding(idx).mul(self.config.n_embd**0.5)
    if angles is None:
        stream = stream + self.position_embedding(where)
    stream = self.dropout(stream)
    for layer in self.blocks:
        stream = layer(stream, rotary=angles, cache=cache)
    if cache is not None:
        cache.advance(n_new)
    scores = self.head(self.norm(stream))
    if targets is not None:
        return scores, self.ops.next_token_loss(scores, targets)
    return scores, None
