"""The mistakes of `mistakes/packing.py`, as others would write them."""

import itertools

import torch

from shared.mistakes import attempt


def _fit(lengths, order, capacity, choose, strict=False):
    """Put documents into the row that `choose` picks from those with room."""
    rows = []
    used = []
    for d in order:
        fits = [
            r for r in range(len(rows)) if used[r] + lengths[d] < capacity + (0 if strict else 1)
        ]
        if fits:
            r = choose(fits, used)
        else:
            rows.append([])
            used.append(0)
            r = -1
        rows[r].append(d)
        used[r] += lengths[d]
    return rows


@attempt("pack_next_fit")
def _(lengths, capacity):
    rows, current, total = [], [], 0
    for d, n in enumerate(lengths):
        if total + n > capacity:
            rows.append(current)
            current, total = [], 0
        current.append(d)
        total += n
    return [*rows, current] if current else rows


@attempt("pack_best_fit")
def _(lengths, capacity):
    def fullest(fits, used):
        return max(fits, key=lambda r: (used[r], -r))

    return _fit(lengths, range(len(lengths)), capacity, fullest)


@attempt("pack_longest_first")
def _(lengths, capacity):
    order = torch.tensor(lengths).argsort(descending=True, stable=True).tolist()
    return _fit(lengths, order, capacity, lambda fits, used: fits[0])


@attempt("pack_leaves_a_place")
def _(lengths, capacity):
    order = range(len(lengths))
    return _fit(lengths, order, capacity, lambda fits, used: fits[0], strict=True)


@attempt("pack_gives_lengths")
def _(lengths, capacity):
    rows = _fit(lengths, range(len(lengths)), capacity, lambda fits, used: fits[0])
    return [[lengths[d] for d in row] for row in rows]


@attempt("pack_cuts")
def _(lengths, capacity):
    tokens = [d for d, n in enumerate(lengths) for _ in range(n)]
    chunks = [tokens[i : i + capacity] for i in range(0, len(tokens), capacity)]
    return [[d for d, _ in itertools.groupby(chunk)] for chunk in chunks]


@attempt("positions_run_on")
def _(documents):
    B, T = documents.shape
    return torch.cat([torch.arange(T)[None]] * B)


@attempt("positions_from_1")
def _(documents):
    rows = []
    for row in documents.tolist():
        groups = [len(list(group)) for _, group in itertools.groupby(row)]
        rows.append([i + 1 for n in groups for i in range(n)])
    return torch.tensor(rows)


@attempt("positions_of_the_first_row")
def _(documents):
    groups = [len(list(group)) for _, group in itertools.groupby(documents[0].tolist())]
    return torch.cat([torch.arange(n) for n in groups]).repeat(documents.shape[0], 1)


@attempt("positions_subtract_the_last_start")
def _(documents):
    rows = []
    for row in documents.tolist():
        offset, places = 0, []
        for t, document in enumerate(row):
            if t and row[t - 1] != document:
                offset += t
            places.append(t - offset)
        rows.append(places)
    return torch.tensor(rows)


@attempt("attention_mask_leaks")
def _(documents):
    t = torch.arange(documents.size(1))
    return (t[:, None] >= t)[None, None].repeat(documents.size(0), 1, 1, 1)


@attempt("attention_mask_not_causal")
def _(documents):
    return (documents.unsqueeze(2) - documents.unsqueeze(1)).eq(0).unsqueeze(1)


@attempt("attention_mask_inverted")
def _(documents):
    t = torch.arange(documents.size(1))
    blocked = documents.unsqueeze(2).ne(documents.unsqueeze(1)) | (t > t[:, None])
    return blocked.unsqueeze(1)


@attempt("attention_mask_empty_rows")
def _(documents):
    t = torch.arange(documents.size(1))
    mask = documents.unsqueeze(2).eq(documents.unsqueeze(1)) & (t <= t[:, None])
    mask[documents == -1] = False
    return mask.unsqueeze(1)


@attempt("attention_mask_without_the_diagonal")
def _(documents):
    t = torch.arange(documents.size(1))
    mask = documents.unsqueeze(2).eq(documents.unsqueeze(1)) & (t < t[:, None])
    return mask.unsqueeze(1)


@attempt("attention_mask_by_size")
def _(documents):
    t = torch.arange(documents.size(1))
    mask = (documents.unsqueeze(1) <= documents.unsqueeze(2)) & (t <= t[:, None])
    return mask.unsqueeze(1)


@attempt("attention_mask_transposed")
def _(documents):
    t = torch.arange(documents.size(1))
    mask = documents.unsqueeze(2).eq(documents.unsqueeze(1)) & (t >= t[:, None])
    return mask.unsqueeze(1)
