"""Classic wrong answers for `solution/gpt.py`: the GPT."""

import torch
from shared.mistakes import mistake


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The last norm is missing between the blocks and the head: with pre-norm blocks nothing else brings the stream to size.",
)
def gpt_without_final_norm(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(x)
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "Positions restart at 0 with every call: with a cache, the first new token stands after those that are stored.",
)
def gpt_positions_restart(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "Positions are counted from 1; the first token has position 0.",
)
def gpt_positions_from_one(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start + 1, start + T + 1, device=idx.device)
    positions = positions.clamp(max=self.config.block_size - 1)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The learned positions are never added: without them GPT-2 hardly knows in which order its tokens came.",
)
def gpt_without_learned_positions(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    rotary = self.rotary(positions) if self.position_embedding is None else None
    x = self.dropout(self.token_embedding(idx))
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The rotary angles are never handed to the blocks, so a modern GPT has no positions at all.",
)
def gpt_without_rotary(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    x = self.token_embedding(idx)
    if self.position_embedding is not None:
        x = x + self.position_embedding(torch.arange(start, start + T, device=idx.device))
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, None, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "Learned positions and rotary angles are both used; a config asks for one of the two.",
)
def gpt_rotary_always(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The targets are shifted once more: they are the next tokens already, logits[:, t] belongs to targets[:, t].",
)
def gpt_shifts_the_targets(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    if targets is None:
        return logits, None
    return logits, self.ops.next_token_loss(logits[:, :-1], targets[:, 1:])


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The logits went through softmax; they are scores, and the loss takes its own logarithm of them.",
)
def gpt_returns_probabilities(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x)).softmax(dim=-1)
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "Only the last position is scored; every position predicts its next token, and each of them is a lesson.",
)
def gpt_last_position_only(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x[:, -1:]))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets[:, -1:])


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "cache.advance is never called, so each call writes over the keys of the one before.",
)
def gpt_never_advances(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The cache advances after every block; its length counts tokens, so it moves once a call, after the last block.",
)
def gpt_advances_in_every_block(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
        if cache is not None:
            cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The cache is not handed to the blocks, so a new token is scored as if it were the first.",
)
def gpt_blocks_without_cache(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The table is used as the head in any case; an untied model has a head of its own, self.head is right for both.",
)
def gpt_always_tied(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.norm(x) @ self.token_embedding.weight.T
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The embedding is not dropped from: self.dropout stands between it and the first block.",
)
def gpt_without_embedding_dropout(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx)
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "Only the token's vector is dropped from, and the position is added afterwards; dropout is for their sum.",
)
def gpt_drops_before_positions(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.dropout(self.token_embedding(idx))
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)


@mistake(
    "1.13",
    "gpt.GPT.forward",
    "The embedding is multiplied by sqrt(n_embd), as in the paper of 2017; GPT-2 and we leave it as it is.",
)
def gpt_scales_the_embedding(self, idx, targets=None, cache=None):
    T, start = idx.shape[1], 0 if cache is None else cache.length
    if start + T > self.config.block_size:
        raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
    positions = torch.arange(start, start + T, device=idx.device)
    x = self.token_embedding(idx) * self.config.n_embd**0.5
    rotary = None
    if self.position_embedding is not None:
        x = x + self.position_embedding(positions)
    else:
        rotary = self.rotary(positions)
    x = self.dropout(x)
    for block in self.blocks:
        x = block(x, rotary, cache)
    if cache is not None:
        cache.advance(T)
    logits = self.head(self.norm(x))
    return logits, None if targets is None else self.ops.next_token_loss(logits, targets)
