"""Classic wrong shares and groups for `solution/zero.py`."""

from shared.mistakes import mistake


@mistake(
    "2.18",
    "zero.cut",
    "The share is rounded down, so the last numbers of the row belong to nobody. How many must each take so that none is left?",
)
def cut_rounds_down(sizes, n, rank):
    share = sum(sizes) // n
    pieces, before = [], 0
    for index, size in enumerate(sizes):
        start = max(rank * share - before, 0)
        stop = min((rank + 1) * share - before, size)
        if start < stop:
            pieces.append(Piece(index, start, stop))
        before += size
    return pieces


@mistake(
    "2.18",
    "zero.cut",
    "Whole parameters are dealt out in turn. They differ in size: a rank that gets the embedding holds far more than its share.",
)
def cut_deals_parameters(sizes, n, rank):
    return [Piece(i, 0, size) for i, size in enumerate(sizes) if i % n == rank and size]


@mistake(
    "2.18",
    "zero.cut",
    "Each parameter is cut into n shares by itself. It is the row of all of them that is cut; small ones need not be cut at all.",
)
def cut_each_parameter(sizes, n, rank):
    pieces = []
    for index, size in enumerate(sizes):
        share = -(-size // n)
        start, stop = rank * share, min((rank + 1) * share, size)
        if start < stop:
            pieces.append(Piece(index, start, stop))
    return pieces


@mistake(
    "2.18",
    "zero.cut",
    "start and stop are counted from the beginning of the row; they are to be counted from the beginning of the parameter.",
)
def cut_counts_from_the_row(sizes, n, rank):
    share = -(-sum(sizes) // n)
    pieces, before = [], 0
    for index, size in enumerate(sizes):
        start = max(rank * share, before)
        stop = min((rank + 1) * share, before + size)
        if start < stop:
            pieces.append(Piece(index, start, stop))
        before += size
    return pieces


@mistake(
    "2.18",
    "zero.cut",
    "Parameters of which the rank has nothing are listed with an empty run. An optimiser would keep state for them; leave them out.",
)
def cut_lists_empty_pieces(sizes, n, rank):
    share = -(-sum(sizes) // n)
    pieces, before = [], 0
    for index, size in enumerate(sizes):
        start = min(max(rank * share - before, 0), size)
        stop = max(min((rank + 1) * share - before, size), start)
        pieces.append(Piece(index, start, stop))
        before += size
    return pieces


@mistake(
    "2.18",
    "zero.cut",
    "The shares are as equal as can be, but an all-gather wants equal ones: every share but the last ones is ceil(total / n).",
)
def cut_spreads_evenly(sizes, n, rank):
    total = sum(sizes)
    first, last = rank * total // n, (rank + 1) * total // n
    pieces, before = [], 0
    for index, size in enumerate(sizes):
        start, stop = max(first - before, 0), min(last - before, size)
        if start < stop:
            pieces.append(Piece(index, start, stop))
        before += size
    return pieces


@mistake(
    "2.18",
    "zero.cut",
    "The last rank takes what is left over, which may be nearly twice a share. Round the share up instead, and let the last one be short.",
)
def cut_leaves_rest_to_the_last(sizes, n, rank):
    total = sum(sizes)
    share = total // n
    first, last = rank * share, total if rank == n - 1 else (rank + 1) * share
    pieces, before = [], 0
    for index, size in enumerate(sizes):
        start, stop = max(first - before, 0), min(last - before, size)
        if start < stop:
            pieces.append(Piece(index, start, stop))
        before += size
    return pieces


@mistake(
    "2.18",
    "zero.cut",
    "Only the parameter in which the share begins is listed. A share goes on into the next ones until it is full.",
)
def cut_stops_at_a_border(sizes, n, rank):
    share = -(-sum(sizes) // n)
    before = 0
    for index, size in enumerate(sizes):
        start = max(rank * share - before, 0)
        stop = min((rank + 1) * share - before, size)
        if start < stop:
            return [Piece(index, start, stop)]
        before += size
    return []


@mistake(
    "2.18",
    "zero.trainable_groups",
    "A tied parameter is listed as often as it is met, so it would be cut, and stepped, twice.",
)
def trainable_groups_keep_ties(params):
    params = list(params)
    groups = params if params and isinstance(params[0], dict) else [{"params": params}]
    return [{**g, "params": [p for p in g["params"] if p.requires_grad]} for g in groups]


@mistake(
    "2.18",
    "zero.trainable_groups",
    "Each group is free of ties in itself, but one parameter is still in two groups.",
)
def trainable_groups_look_within_one(params):
    params = list(params)
    groups = params if params and isinstance(params[0], dict) else [{"params": params}]
    found = []
    for group in groups:
        own = dict.fromkeys(p for p in group["params"] if p.requires_grad)
        found.append({**group, "params": list(own)})
    return found


@mistake(
    "2.18",
    "zero.trainable_groups",
    "The groups' options are lost: without them everything decays alike, norms and biases too.",
)
def trainable_groups_lose_options(params):
    params = list(params)
    groups = params if params and isinstance(params[0], dict) else [{"params": params}]
    seen, found = set(), []
    for group in groups:
        own = [p for p in dict.fromkeys(group["params"]) if p.requires_grad and p not in seen]
        seen.update(own)
        found.append({"params": own})
    return found


@mistake(
    "2.18",
    "zero.trainable_groups",
    "Frozen parameters are kept. They take up room in the row, and their owners have less to do than the others.",
)
def trainable_groups_keep_frozen(params):
    params = list(params)
    groups = params if params and isinstance(params[0], dict) else [{"params": params}]
    seen, found = set(), []
    for group in groups:
        own = [p for p in dict.fromkeys(group["params"]) if p not in seen]
        seen.update(own)
        found.append({**group, "params": own})
    return found


@mistake(
    "2.18",
    "zero.trainable_groups",
    "The caller's own groups are changed: what comes back must be new.",
)
def trainable_groups_change_the_callers(params):
    params = list(params)
    groups = params if params and isinstance(params[0], dict) else [{"params": params}]
    seen = set()
    for group in groups:
        own = [p for p in dict.fromkeys(group["params"]) if p.requires_grad and p not in seen]
        seen.update(own)
        group["params"] = own
    return groups


@mistake(
    "2.18",
    "zero.trainable_groups",
    "A group whose parameters were all met before is dropped. It stays, with none: the next ones would change places.",
)
def trainable_groups_drop_empty(params):
    params = list(params)
    groups = params if params and isinstance(params[0], dict) else [{"params": params}]
    seen, found = set(), []
    for group in groups:
        own = [p for p in dict.fromkeys(group["params"]) if p.requires_grad and p not in seen]
        seen.update(own)
        if own:
            found.append({**group, "params": own})
    return found


@mistake(
    "2.18",
    "zero.trainable_groups",
    "What it is given may be an iterator, such as model.parameters(): the first look at it takes away what the second one needs.",
)
def trainable_groups_read_twice(params):
    first = next(iter(params), None)
    groups = list(params) if isinstance(first, dict) else [{"params": list(params)}]
    seen, found = set(), []
    for group in groups:
        own = [p for p in dict.fromkeys(group["params"]) if p.requires_grad and p not in seen]
        seen.update(own)
        found.append({**group, "params": own})
    return found
