"""The mistakes of `mistakes/zero.py`, as others would write them."""

import torch
import torch.distributed as dist

from shared.mistakes import attempt


def overlaps(sizes, first, last):
    found = []
    for index in range(len(sizes)):
        offset = sum(sizes[:index])
        low, high = max(first, offset), min(last, offset + sizes[index])
        if high > low:
            found.append((index, low - offset, high - offset))
    return found


@attempt("cut_rounds_down")
def _(sizes, n, rank):
    chunk = int(sum(sizes) / n)
    return overlaps(sizes, chunk * rank, chunk * rank + chunk)


@attempt("cut_deals_parameters")
def _(sizes, n, rank):
    mine = []
    for index in range(rank, len(sizes), n):
        if sizes[index] > 0:
            mine.append(Piece(index=index, start=0, stop=sizes[index]))
    return mine


@attempt("cut_each_parameter")
def _(sizes, n, rank):
    mine = []
    for index, size in enumerate(sizes):
        chunk = (size + n - 1) // n
        low = chunk * rank
        high = min(low + chunk, size)
        if high > low:
            mine.append((index, low, high))
    return mine


@attempt("cut_counts_from_the_row")
def _(sizes, n, rank):
    total = sum(sizes)
    chunk = (total + n - 1) // n
    mine, offset = [], 0
    for index, low, high in overlaps(sizes, rank * chunk, rank * chunk + chunk):
        offset = sum(sizes[:index])
        mine.append((index, low + offset, high + offset))
    return mine


@attempt("cut_lists_empty_pieces")
def _(sizes, n, rank):
    chunk = (sum(sizes) + n - 1) // n
    mine, offset = [], 0
    for index, size in enumerate(sizes):
        low = sorted((0, rank * chunk - offset, size))[1]
        high = sorted((0, rank * chunk + chunk - offset, size))[1]
        mine.append((index, low, high))
        offset += size
    return mine


@attempt("cut_spreads_evenly")
def _(sizes, n, rank):
    borders = [sum(sizes) * r // n for r in range(n + 1)]
    return overlaps(sizes, borders[rank], borders[rank + 1])


@attempt("cut_leaves_rest_to_the_last")
def _(sizes, n, rank):
    chunk, rest = divmod(sum(sizes), n)
    low = chunk * rank
    high = low + chunk
    if rank + 1 == n:
        high += rest
    return overlaps(sizes, low, high)


@attempt("cut_stops_at_a_border")
def _(sizes, n, rank):
    chunk = (sum(sizes) + n - 1) // n
    return overlaps(sizes, rank * chunk, rank * chunk + chunk)[:1]


def as_groups(params):
    items = [*params]
    if items and type(items[0]) is dict:
        return items
    return [dict(params=items)]


@attempt("trainable_groups_keep_ties")
def _(params):
    result = []
    for entry in as_groups(params):
        entry = dict(entry)
        entry["params"] = [q for q in entry["params"] if q.requires_grad]
        result.append(entry)
    return result


@attempt("trainable_groups_look_within_one")
def _(params):
    result = []
    for entry in as_groups(params):
        ids, kept = set(), []
        for q in entry["params"]:
            if q.requires_grad and id(q) not in ids:
                ids.add(id(q))
                kept.append(q)
        result.append({**entry, "params": kept})
    return result


@attempt("trainable_groups_lose_options")
def _(params):
    ids, result = set(), []
    for entry in as_groups(params):
        kept = []
        for q in entry["params"]:
            if q.requires_grad and id(q) not in ids:
                ids.add(id(q))
                kept.append(q)
        result.append({"params": kept})
    return result


@attempt("trainable_groups_keep_frozen")
def _(params):
    ids, result = set(), []
    for entry in as_groups(params):
        kept = []
        for q in entry["params"]:
            if id(q) not in ids:
                ids.add(id(q))
                kept.append(q)
        result.append({**entry, "params": kept})
    return result


@attempt("trainable_groups_change_the_callers")
def _(params):
    entries = as_groups(params)
    ids = set()
    for entry in entries:
        kept = []
        for q in entry["params"]:
            if q.requires_grad and id(q) not in ids:
                ids.add(id(q))
                kept.append(q)
        entry.update(params=kept)
    return entries


@attempt("trainable_groups_drop_empty")
def _(params):
    ids, result = set(), []
    for entry in as_groups(params):
        kept = []
        for q in entry["params"]:
            if q.requires_grad and id(q) not in ids:
                ids.add(id(q))
                kept.append(q)
        result.append({**entry, "params": kept})
    return [entry for entry in result if len(entry["params"]) > 0]


@attempt("trainable_groups_read_twice")
def _(params):
    grouped = False
    for entry in params:
        grouped = type(entry) is dict
        break
    entries = list(params) if grouped else [dict(params=[*params])]
    ids, result = set(), []
    for entry in entries:
        kept = []
        for q in entry["params"]:
            if q.requires_grad and id(q) not in ids:
                ids.add(id(q))
                kept.append(q)
        result.append({**entry, "params": kept})
    return result


def hand_out(self, scale=1.0):
    for i, part in enumerate(self.parts):
        piece = self.pieces[i]
        whole = self.params[piece.index].grad
        if whole is None:
            continue
        part.grad = whole.flatten()[piece.start : piece.stop].to(part.dtype) * scale


def take_back(self):
    for i, part in enumerate(self.parts):
        piece = self.pieces[i]
        part.grad = None
        row = self.params[piece.index].data.view(-1)
        if row.dtype != part.dtype:
            row[piece.start : piece.stop].copy_(part.detach())


def spread(self):
    mine = self.shares[self.rank].clone()
    dist.all_gather(self.shares, mine, group=self.group)


@attempt("step_keeps_to_itself")
def _(self):
    hand_out(self)
    self.inner.step()
    take_back(self)


@attempt("step_gathers_first")
def _(self):
    spread(self)
    hand_out(self)
    self.inner.step()
    take_back(self)


@attempt("step_takes_first_numbers")
def _(self):
    for piece, part in zip(self.pieces, self.parts):
        whole = self.params[piece.index].grad
        if whole is not None:
            part.grad = whole.flatten()[: part.numel()].to(part.dtype)
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_averages_again")
def _(self):
    hand_out(self, scale=1 / dist.get_world_size(self.group))
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_adds_up_gradients")
def _(self):
    kept = []
    for p in self.params:
        kept.append(p.grad)
        if p.grad is not None:
            p.grad = p.grad.clone(memory_format=torch.contiguous_format)
            dist.all_reduce(p.grad, group=self.group)
    hand_out(self)
    for p, gradient in zip(self.params, kept):
        p.grad = gradient
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_broadcasts_rank_0")
def _(self):
    hand_out(self)
    self.inner.step()
    take_back(self)
    for p in self.params:
        dist.broadcast(p.data, group=self.group, group_src=0)


@attempt("step_averages_the_row")
def _(self):
    hand_out(self)
    self.inner.step()
    take_back(self)
    for share in self.shares:
        dist.all_reduce(share, group=self.group)
        share /= self.n


@attempt("step_leaves_old_gradients")
def _(self):
    hand_out(self)
    self.inner.step()
    kept = [part.grad for part in self.parts]
    take_back(self)
    for part, gradient in zip(self.parts, kept):
        part.grad = gradient
    spread(self)


@attempt("step_drops_parameters_gradients")
def _(self):
    hand_out(self)
    for p in self.params:
        p.grad = None
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_overwrites_parts_gradients")
def _(self):
    for part in self.parts:
        part.grad = None
    hand_out(self)
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_makes_up_zeros")
def _(self):
    hand_out(self)
    for part in self.parts:
        if part.grad is None:
            part.grad = torch.zeros_like(part)
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_forgets_the_master")
def _(self):
    hand_out(self)
    self.inner.step()
    for part in self.parts:
        part.grad = None
    spread(self)


@attempt("step_forgets_the_group")
def _(self):
    hand_out(self)
    self.inner.step()
    take_back(self)
    dist.all_gather(self.shares, self.shares[self.rank].clone())


@attempt("step_views_the_gradient")
def _(self):
    for piece, part in zip(self.pieces, self.parts):
        whole = self.params[piece.index].grad
        if whole is not None:
            part.grad = whole.view(whole.numel())[piece.start : piece.stop].to(part.dtype)
    self.inner.step()
    take_back(self)
    spread(self)
