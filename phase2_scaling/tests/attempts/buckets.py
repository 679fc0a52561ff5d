"""The mistakes of `mistakes/buckets.py`, as others would write them."""

from shared.mistakes import attempt


def size(p):
    return p.numel() * p.element_size()


def pack(backwards, limit, measure=size):
    """Fill one bucket for each dtype; return those that were closed, and those that were not."""
    current, room, done = {}, {}, []
    for p in backwards:
        if p.dtype in current and measure(p) > room[p.dtype]:
            done.append(current.pop(p.dtype))
        if p.dtype not in current:
            current[p.dtype], room[p.dtype] = [], limit
        current[p.dtype].append(p)
        room[p.dtype] -= measure(p)
    return done, list(current.values())


def unique(parameters):
    seen, kept = set(), []
    for p in parameters:
        if id(p) not in seen:
            seen.add(id(p))
            kept.append(p)
    return kept


def in_order(found, backwards):
    index = {}
    for i, p in enumerate(backwards):
        index.setdefault(id(p), i)
    return sorted(found, key=lambda bucket: max(index[id(p)] for p in bucket))


@attempt("assign_buckets_forward")
def _(parameters, bucket_bytes):
    order = [p for p in unique(parameters) if p.requires_grad]
    done, rest = pack(order, bucket_bytes)
    return done + rest


@attempt("assign_buckets_counts_numbers")
def _(parameters, bucket_bytes):
    order = [p for p in unique(parameters) if p.requires_grad][::-1]
    done, rest = pack(order, bucket_bytes, lambda p: p.numel())
    return in_order(done + rest, order)


@attempt("assign_buckets_with_frozen")
def _(parameters, bucket_bytes):
    order = unique(parameters)[::-1]
    done, rest = pack(order, bucket_bytes)
    return in_order(done + rest, order)


@attempt("assign_buckets_tied_too_early")
def _(parameters, bucket_bytes):
    order = unique([p for p in list(parameters)[::-1] if p.requires_grad])
    done, rest = pack(order, bucket_bytes)
    return in_order(done + rest, order)


@attempt("assign_buckets_tied_twice")
def _(parameters, bucket_bytes):
    order = [p for p in list(parameters)[::-1] if p.requires_grad]
    done, rest = pack(order, bucket_bytes)
    return in_order(done + rest, order)


@attempt("assign_buckets_mixes_dtypes")
def _(parameters, bucket_bytes):
    found, room = [], 0
    for p in [p for p in unique(parameters) if p.requires_grad][::-1]:
        if not found or size(p) > room:
            found.append([])
            room = bucket_bytes
        found[-1].append(p)
        room -= size(p)
    return found


@attempt("assign_buckets_overfills")
def _(parameters, bucket_bytes):
    order = [p for p in unique(parameters) if p.requires_grad][::-1]
    current, found = {}, []
    for p in order:
        bucket = current.get(p.dtype)
        if bucket is None or sum(map(size, bucket)) >= bucket_bytes:
            bucket = current[p.dtype] = []
            found.append(bucket)
        bucket.append(p)
    return in_order(found, order)


@attempt("assign_buckets_loses_the_last")
def _(parameters, bucket_bytes):
    order = [p for p in unique(parameters) if p.requires_grad][::-1]
    return pack(order, bucket_bytes)[0]


@attempt("assign_buckets_unsorted")
def _(parameters, bucket_bytes):
    order = [p for p in unique(parameters) if p.requires_grad][::-1]
    done, rest = pack(order, bucket_bytes)
    return done + rest


@attempt("assign_buckets_closes_at_dtypes")
def _(parameters, bucket_bytes):
    found, room, dtype = [], 0, None
    for p in [p for p in unique(parameters) if p.requires_grad][::-1]:
        if p.dtype != dtype or size(p) > room:
            found.append([])
            room, dtype = bucket_bytes, p.dtype
        found[-1].append(p)
        room -= size(p)
    return found
