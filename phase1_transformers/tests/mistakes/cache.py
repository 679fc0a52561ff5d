"""Classic wrong answers for `solution/cache.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "1.21",
    "cache.KVCache.append",
    "Only the new tokens come back; a query must meet the keys of every token so far.",
)
def append_returns_new_only(self, layer, k, v):
    end = self.length + k.shape[2]
    self.k[layer, :, :, self.length : end] = k
    self.v[layer, :, :, self.length : end] = v
    return self.k[layer, :, :, self.length : end], self.v[layer, :, :, self.length : end]


@mistake(
    "1.21",
    "cache.KVCache.append",
    "The empty room comes back too: a key of zeros has the score 0, and softmax gives it weight.",
)
def append_returns_all_the_room(self, layer, k, v):
    end = self.length + k.shape[2]
    self.k[layer, :, :, self.length : end] = k
    self.v[layer, :, :, self.length : end] = v
    return self.k[layer], self.v[layer]


@mistake(
    "1.21",
    "cache.KVCache.append",
    "New tokens land on top of the first ones: they belong behind the `length` tokens already read.",
)
def append_writes_at_the_start(self, layer, k, v):
    T = k.shape[2]
    self.k[layer, :, :, :T] = k
    self.v[layer, :, :, :T] = v
    return self.k[layer, :, :, : self.length + T], self.v[layer, :, :, : self.length + T]


@mistake(
    "1.21",
    "cache.KVCache.append",
    "`length` grows with every layer, so the second layer stores the same tokens further on; advance counts them, once.",
)
def append_advances(self, layer, k, v):
    end = self.length + k.shape[2]
    self.k[layer, :, :, self.length : end] = k
    self.v[layer, :, :, self.length : end] = v
    self.length = end
    return self.k[layer, :, :, :end], self.v[layer, :, :, :end]


@mistake(
    "1.21",
    "cache.KVCache.append",
    "All layers share one shelf: each has keys and values of its own, and the next layer overwrites them here.",
)
def append_ignores_the_layer(self, layer, k, v):
    end = self.length + k.shape[2]
    self.k[0, :, :, self.length : end] = k
    self.v[0, :, :, self.length : end] = v
    return self.k[0, :, :, :end], self.v[0, :, :, :end]


@mistake(
    "1.21",
    "cache.KVCache.append",
    "The new tokens are returned behind the old but never stored: the next step finds zeros in their place.",
)
def append_does_not_store(self, layer, k, v):
    k_all = torch.cat([self.k[layer, :, :, : self.length], k], dim=2)
    v_all = torch.cat([self.v[layer, :, :, : self.length], v], dim=2)
    return k_all, v_all


@mistake(
    "1.21",
    "cache.KVCache.append",
    "Right numbers, but every step copies the whole past; a slice of the cache is a view and costs nothing.",
)
def append_copies(self, layer, k, v):
    end = self.length + k.shape[2]
    self.k[layer, :, :, self.length : end] = k
    self.v[layer, :, :, self.length : end] = v
    return self.k[layer, :, :, :end].clone(), self.v[layer, :, :, :end].clone()


@mistake(
    "1.21",
    "cache.KVCache.append",
    "The new tokens stand before the old ones: keys must keep the order of the text, the mask counts on it.",
)
def append_puts_new_first(self, layer, k, v):
    T, end = k.shape[2], self.length + k.shape[2]
    self.k[layer, :, :, T:end] = self.k[layer, :, :, : self.length].clone()
    self.v[layer, :, :, T:end] = self.v[layer, :, :, : self.length].clone()
    self.k[layer, :, :, :T] = k
    self.v[layer, :, :, :T] = v
    return self.k[layer, :, :, :end], self.v[layer, :, :, :end]


@mistake(
    "1.21",
    "cache.KVCache.append",
    "Keys and values have changed places: append returns the keys first.",
)
def append_swaps(self, layer, k, v):
    end = self.length + k.shape[2]
    self.k[layer, :, :, self.length : end] = k
    self.v[layer, :, :, self.length : end] = v
    return self.v[layer, :, :, :end], self.k[layer, :, :, :end]


@mistake(
    "1.21",
    "cache.next_logits",
    "The model reads only the last token; in the prefill the tokens before it have not been read by anyone.",
)
def next_logits_last_token_only(model, idx, cache):
    logits, _ = model(idx[:, -1:], cache=cache)
    return logits[:, -1]


@mistake(
    "1.21",
    "cache.next_logits",
    "The model reads the whole text again, behind itself: what is in the cache must not be read twice.",
)
def next_logits_reads_all_again(model, idx, cache):
    logits, _ = model(idx, cache=cache)
    return logits[:, -1]


@mistake(
    "1.21",
    "cache.next_logits",
    "The cache is emptied before each step: the numbers are right, and the work is as if there were none.",
)
def next_logits_starts_over(model, idx, cache):
    cache.crop(0)
    logits, _ = model(idx, cache=cache)
    return logits[:, -1]


@mistake(
    "1.21",
    "cache.next_logits",
    "The model was not given the cache, so the new tokens see nothing of the text before them.",
)
def next_logits_without_cache(model, idx, cache):
    logits, _ = model(idx[:, cache.length :])
    cache.advance(idx.shape[1] - cache.length)
    return logits[:, -1]


@mistake(
    "1.21",
    "cache.next_logits",
    "Those are the scores after the first new token; the next token of the text follows its last.",
)
def next_logits_of_the_first(model, idx, cache):
    logits, _ = model(idx[:, cache.length :], cache=cache)
    return logits[:, 0]


@mistake(
    "1.21",
    "cache.next_logits",
    "Scores of every new position came back; only the last one says what follows the text.",
)
def next_logits_of_all(model, idx, cache):
    logits, _ = model(idx[:, cache.length :], cache=cache)
    return logits


@mistake(
    "1.21",
    "cache.next_logits",
    "The model has already advanced the cache; counted again, the next tokens would start too far on.",
)
def next_logits_advances_again(model, idx, cache):
    new = idx[:, cache.length :]
    logits, _ = model(new, cache=cache)
    cache.advance(new.shape[1])
    return logits[:, -1]


@mistake(
    "1.21",
    "cache.KVCache.append",
    "The whole cache is made anew at every step, room included; write into the k and v that are there.",
)
def append_makes_a_new_cache(self, layer, k, v):
    end = self.length + k.shape[2]
    self.k, self.v = self.k.clone(), self.v.clone()
    self.k[layer, :, :, self.length : end] = k
    self.v[layer, :, :, self.length : end] = v
    return self.k[layer, :, :, :end], self.v[layer, :, :, :end]


@mistake(
    "1.21",
    "cache.next_logits",
    "The new tokens are read one by one; a prompt takes one pass, since the model reads many tokens at once.",
)
def next_logits_one_by_one(model, idx, cache):
    for place in range(cache.length, idx.shape[1]):
        logits, _ = model(idx[:, place : place + 1], cache=cache)
    return logits[:, -1]


@mistake(
    "1.21",
    "cache.next_logits",
    "The cache is not used at all: the whole text is read for every token, and nothing is kept.",
)
def next_logits_ignores_the_cache(model, idx, cache):
    logits, _ = model(idx)
    return logits[:, -1]


@mistake(
    "1.21",
    "cache.next_logits",
    "An axis of one place is left, (B, 1, V); index the last place, do not slice it.",
)
def next_logits_keeps_an_axis(model, idx, cache):
    logits, _ = model(idx[:, cache.length :], cache=cache)
    return logits[:, -1:]


@mistake(
    "1.21",
    "cache.KVCache.append",
    "The last layer's append counts the tokens, and so does the pass, which calls advance; leave `length` to advance.",
)
def append_advances_at_the_last_layer(self, layer, k, v):
    end = self.length + k.shape[2]
    self.k[layer, :, :, self.length : end] = k
    self.v[layer, :, :, self.length : end] = v
    if layer == len(self.k) - 1:
        self.length = end
    return self.k[layer, :, :, :end], self.v[layer, :, :, :end]


@mistake(
    "1.21",
    "cache.next_logits",
    "Behind the prefill only the last token is read, and more than one may be new: read all that the cache does not hold.",
)
def next_logits_last_after_prefill(model, idx, cache):
    new = idx if cache.length == 0 else idx[:, -1:]
    logits, _ = model(new, cache=cache)
    return logits[:, -1]
