"""Classic wrong answers for `solution/buckets.py`."""

from shared.mistakes import mistake


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "Buckets fill from the first parameter on, whose gradient comes last: nothing can leave before backward ends.",
)
def assign_buckets_forward(parameters, bucket_bytes):
    open_buckets, closed = {}, []
    for p in dict.fromkeys(parameters):
        if not p.requires_grad:
            continue
        bucket = open_buckets.setdefault(p.dtype, [])
        if bucket and sum(q.nbytes for q in bucket) + p.nbytes > bucket_bytes:
            closed.append(bucket)
            bucket = open_buckets[p.dtype] = []
        bucket.append(p)
    return [*closed, *open_buckets.values()]


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "The limit is in bytes, and numbers were counted: a number of float32 has four.",
)
def assign_buckets_counts_numbers(parameters, bucket_bytes):
    trained = [p for p in dict.fromkeys(parameters) if p.requires_grad]
    open_buckets, closed = {}, []
    for p in reversed(trained):
        bucket = open_buckets.setdefault(p.dtype, [])
        if bucket and sum(q.numel() for q in bucket) + p.numel() > bucket_bytes:
            closed.append(bucket)
            bucket = open_buckets[p.dtype] = []
        bucket.append(p)
    place = {p: i for i, p in enumerate(trained)}
    return sorted([*closed, *open_buckets.values()], key=lambda b: place[b[-1]], reverse=True)


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "A frozen parameter waits in a bucket for a gradient that never comes.",
)
def assign_buckets_with_frozen(parameters, bucket_bytes):
    everything = list(dict.fromkeys(parameters))
    open_buckets, closed = {}, []
    for p in reversed(everything):
        bucket = open_buckets.setdefault(p.dtype, [])
        if bucket and sum(q.nbytes for q in bucket) + p.nbytes > bucket_bytes:
            closed.append(bucket)
            bucket = open_buckets[p.dtype] = []
        bucket.append(p)
    place = {p: i for i, p in enumerate(everything)}
    return sorted([*closed, *open_buckets.values()], key=lambda b: place[b[-1]], reverse=True)


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "A tied parameter stands where it is listed last; its gradient is complete only when backward has reached its first use.",
)
def assign_buckets_tied_too_early(parameters, bucket_bytes):
    backwards = [p for p in dict.fromkeys(reversed(list(parameters))) if p.requires_grad]
    open_buckets, closed = {}, []
    for p in backwards:
        bucket = open_buckets.setdefault(p.dtype, [])
        if bucket and sum(q.nbytes for q in bucket) + p.nbytes > bucket_bytes:
            closed.append(bucket)
            bucket = open_buckets[p.dtype] = []
        bucket.append(p)
    place = {p: i for i, p in enumerate(backwards)}
    return sorted([*closed, *open_buckets.values()], key=lambda b: place[b[-1]])


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "A tied parameter is in two places: its gradient would be sent twice.",
)
def assign_buckets_tied_twice(parameters, bucket_bytes):
    backwards = [p for p in reversed(list(parameters)) if p.requires_grad]
    open_buckets, closed = {}, []
    for p in backwards:
        bucket = open_buckets.setdefault(p.dtype, [])
        if bucket and sum(q.nbytes for q in bucket) + p.nbytes > bucket_bytes:
            closed.append(bucket)
            bucket = open_buckets[p.dtype] = []
        bucket.append(p)
    place = {p: i for i, p in enumerate(backwards)}
    return sorted([*closed, *open_buckets.values()], key=lambda b: place[b[-1]])


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "Parameters of different dtypes share a bucket: one message has one dtype.",
)
def assign_buckets_mixes_dtypes(parameters, bucket_bytes):
    found = []
    for p in reversed([p for p in dict.fromkeys(parameters) if p.requires_grad]):
        if not found or sum(q.nbytes for q in found[-1]) + p.nbytes > bucket_bytes:
            found.append([])
        found[-1].append(p)
    return found


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "A bucket is closed only once it is too large: look before a parameter joins, not after.",
)
def assign_buckets_overfills(parameters, bucket_bytes):
    trained = [p for p in dict.fromkeys(parameters) if p.requires_grad]
    open_buckets, closed = {}, []
    for p in reversed(trained):
        bucket = open_buckets.setdefault(p.dtype, [])
        bucket.append(p)
        if sum(q.nbytes for q in bucket) >= bucket_bytes:
            closed.append(open_buckets.pop(p.dtype))
    place = {p: i for i, p in enumerate(trained)}
    return sorted([*closed, *open_buckets.values()], key=lambda b: place[b[-1]], reverse=True)


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "The last bucket, which is seldom full, is left behind: close what is still open when the parameters end.",
)
def assign_buckets_loses_the_last(parameters, bucket_bytes):
    trained = [p for p in dict.fromkeys(parameters) if p.requires_grad]
    open_buckets, closed = {}, []
    for p in reversed(trained):
        bucket = open_buckets.setdefault(p.dtype, [])
        if bucket and sum(q.nbytes for q in bucket) + p.nbytes > bucket_bytes:
            closed.append(bucket)
            bucket = open_buckets[p.dtype] = []
        bucket.append(p)
    return closed


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "What was still open at the end comes last, whenever it fills up: sort by the last parameter that a bucket waits for.",
)
def assign_buckets_unsorted(parameters, bucket_bytes):
    trained = [p for p in dict.fromkeys(parameters) if p.requires_grad]
    open_buckets, closed = {}, []
    for p in reversed(trained):
        bucket = open_buckets.setdefault(p.dtype, [])
        if bucket and sum(q.nbytes for q in bucket) + p.nbytes > bucket_bytes:
            closed.append(bucket)
            bucket = open_buckets[p.dtype] = []
        bucket.append(p)
    return [*closed, *open_buckets.values()]


@mistake(
    "2.15",
    "buckets.assign_buckets",
    "A bucket closes at every change of dtype: a model that alternates would send a message for each parameter.",
)
def assign_buckets_closes_at_dtypes(parameters, bucket_bytes):
    found = []
    for p in reversed([p for p in dict.fromkeys(parameters) if p.requires_grad]):
        last = found[-1] if found else []
        fits = sum(q.nbytes for q in last) + p.nbytes <= bucket_bytes
        if last and last[0].dtype == p.dtype and fits:
            last.append(p)
        else:
            found.append([p])
    return found
