"""The mistakes of `mistakes/zero.py`, as others would write them."""

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
