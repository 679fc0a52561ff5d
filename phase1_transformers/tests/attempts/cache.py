"""The mistakes of `mistakes/cache.py`, as others would write them."""

import torch

from shared.mistakes import attempt


@attempt("append_returns_new_only")
def _(self, layer, k, v):
    where = slice(self.length, self.length + k.size(2))
    self.k[layer][:, :, where].copy_(k)
    self.v[layer][:, :, where].copy_(v)
    return k, v


@attempt("append_returns_all_the_room")
def _(self, layer, k, v):
    for store, new in ((self.k, k), (self.v, v)):
        store[layer].narrow(2, self.length, new.shape[2]).copy_(new)
    return self.k[layer, ...], self.v[layer, ...]


@attempt("append_writes_at_the_start")
def _(self, layer, k, v):
    keys, values = self.k[layer], self.v[layer]
    n = k.size(2)
    keys[:, :, 0:n] = k
    values[:, :, 0:n] = v
    n_all = n + self.length
    return keys[:, :, :n_all], values[:, :, :n_all]


@attempt("append_advances")
def _(self, layer, k, v):
    keys, values, old = self.k[layer], self.v[layer], self.length
    self.length += k.shape[-2]
    keys[:, :, old : self.length] = k
    values[:, :, old : self.length] = v
    return keys[:, :, : self.length], values[:, :, : self.length]


@attempt("append_ignores_the_layer")
def _(self, layer, k, v):
    keys, values = self.k[0], self.v[0]
    total = self.length + k.shape[-2]
    keys[..., self.length : total, :] = k
    values[..., self.length : total, :] = v
    return keys[..., :total, :], values[..., :total, :]


@attempt("append_does_not_store")
def _(self, layer, k, v):
    def joined(store, new):
        return torch.cat((store[layer][:, :, : self.length], new), -2)

    return joined(self.k, k), joined(self.v, v)


@attempt("append_copies")
def _(self, layer, k, v):
    past, new = slice(0, self.length), slice(self.length, self.length + k.shape[2])
    k_all = torch.cat([self.k[layer, :, :, past], k], dim=2)
    v_all = torch.cat([self.v[layer, :, :, past], v], dim=2)
    self.k[layer, :, :, new] = k
    self.v[layer, :, :, new] = v
    return k_all, v_all


@attempt("append_puts_new_first")
def _(self, layer, k, v):
    end = self.length + k.shape[2]
    for store, new in ((self.k, k), (self.v, v)):
        store[layer, :, :, :end] = torch.cat([new, store[layer, :, :, : self.length]], dim=2)
    return self.k[layer, :, :, :end], self.v[layer, :, :, :end]


@attempt("append_swaps")
def _(self, layer, k, v):
    rows = slice(self.length, self.length + k.shape[2])
    self.v[layer, :, :, rows] = k
    self.k[layer, :, :, rows] = v
    return self.k[layer, :, :, : rows.stop], self.v[layer, :, :, : rows.stop]


@attempt("next_logits_last_token_only")
def _(model, idx, cache):
    newest = idx[:, idx.shape[1] - 1, None]
    return model(newest, cache=cache)[0].squeeze(1)


@attempt("next_logits_reads_all_again")
def _(model, idx, cache):
    return model(idx, cache=cache)[0][:, -1, :]


@attempt("next_logits_starts_over")
def _(model, idx, cache):
    cache.length = 0
    scores = model(idx, cache=cache)[0]
    return scores.select(1, -1)


@attempt("next_logits_without_cache")
def _(model, idx, cache):
    unread = idx[:, cache.length :]
    cache.length = idx.shape[1]
    return model(unread)[0][:, -1]


@attempt("next_logits_of_the_first")
def _(model, idx, cache):
    scores = model(idx[:, cache.length :], cache=cache)[0]
    return scores.select(1, 0)


@attempt("next_logits_of_all")
def _(model, idx, cache):
    unread = idx.narrow(1, cache.length, idx.shape[1] - cache.length)
    return model(unread, cache=cache)[0]


@attempt("next_logits_advances_again")
def _(model, idx, cache):
    before = cache.length
    scores = model(idx[:, before:], cache=cache)[0]
    cache.length += idx.shape[1] - before
    return scores[:, -1]


@attempt("append_makes_a_new_cache")
def _(self, layer, k, v):
    start, end = self.length, self.length + k.shape[2]
    for name, new in (("k", k), ("v", v)):
        store = getattr(self, name).detach().clone()
        store[layer].narrow(2, start, new.shape[2]).copy_(new)
        setattr(self, name, store)
    return self.k[layer][:, :, :end], self.v[layer][:, :, :end]


@attempt("next_logits_one_by_one")
def _(model, idx, cache):
    for token in idx[:, cache.length :].split(1, dim=1):
        scores = model(token, cache=cache)[0].squeeze(1)
    return scores


@attempt("next_logits_ignores_the_cache")
def _(model, idx, cache):
    return model(idx, cache=None)[0].select(1, -1)


@attempt("next_logits_keeps_an_axis")
def _(model, idx, cache):
    scores = model(idx[:, cache.length :], cache=cache)[0]
    return scores.narrow(1, scores.shape[1] - 1, 1)


@attempt("append_advances_at_the_last_layer")
def _(self, layer, k, v):
    where = slice(self.length, self.length + k.size(2))
    self.k[layer][:, :, where].copy_(k)
    self.v[layer][:, :, where].copy_(v)
    if layer + 1 == self.k.shape[0]:
        self.advance(k.size(2))
    return self.k[layer][:, :, : where.stop], self.v[layer][:, :, : where.stop]


@attempt("next_logits_last_after_prefill")
def _(model, idx, cache):
    if not cache.length:
        return model(idx, cache=cache)[0].select(1, -1)
    return model(idx[:, -1].unsqueeze(1), cache=cache)[0].squeeze(1)
