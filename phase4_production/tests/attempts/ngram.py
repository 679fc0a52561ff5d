"""The mistakes of `mistakes/ngram.py`, as others would write them."""

from shared.mistakes import attempt


def _places(ids, n, last):
    """Starts of the last n tokens, up to the start `last`, ascending."""
    return [i for i in range(last + 1) if n and tuple(ids[i : i + n]) == tuple(ids[-n:])]


@attempt("propose_first_place")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        if n < len(ids) and (places := _places(ids, n, len(ids) - n - 1)):
            after = places[0] + n
            return list(ids)[after:][:k]
    return []


@attempt("propose_shortest_first")
def _(ids, k, longest=3):
    for n in range(1, longest + 1):
        if n < len(ids) and (places := _places(ids, n, len(ids) - n - 1)):
            after = places[-1] + n
            return list(ids)[after:][:k]
    return []


@attempt("propose_finds_itself")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        if n <= len(ids) and (places := _places(ids, n, len(ids) - n)):
            return list(ids)[places[-1] + n :][:k]
    return []


@attempt("propose_repeats_the_end")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        if n < len(ids) and (places := _places(ids, n, len(ids) - n - 1)):
            return list(ids)[places[-1] :][:k]
    return []


@attempt("propose_longest_only")
def _(ids, k, longest=3):
    n = longest if longest < len(ids) else len(ids) - 1
    places = _places(ids, n, len(ids) - n - 1) if n > 0 else []
    return list(ids)[places[-1] + n :][:k] if places else []


@attempt("propose_without_limit")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        if n < len(ids) and (places := _places(ids, n, len(ids) - n - 1)):
            return list(ids)[places[-1] + n :]
    return []


@attempt("propose_without_overlap")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        head = list(ids)[: len(ids) - n]
        places = [i for i in range(len(head) - n + 1) if head[i : i + n] == list(ids)[-n:]]
        if places:
            return list(ids)[places[-1] + n :][:k]
    return []


@attempt("propose_misses_the_last_place")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        if n < len(ids) and (places := _places(ids, n, len(ids) - n - 2)):
            return list(ids)[places[-1] + n :][:k]
    return []


@attempt("propose_full_length_only")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        if n < len(ids) and (places := _places(ids, n, len(ids) - n - k)):
            return list(ids)[places[-1] + n :][:k]
    return []


@attempt("propose_always_three")
def _(ids, k, longest=3):
    for n in (3, 2, 1):
        if n < len(ids) and (places := _places(ids, n, len(ids) - n - 1)):
            return list(ids)[places[-1] + n :][:k]
    return []


@attempt("propose_misses_the_first_place")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        places = _places(ids, n, len(ids) - n - 1)
        if any(places):
            return list(ids)[max(places) + n :][:k]
    return []


@attempt("propose_begins_one_shorter")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest)):
        places = _places(ids, n, len(ids) - n - 1)
        if places:
            return list(ids)[places[-1] + n :][:k]
    return []


@attempt("propose_stops_at_two")
def _(ids, k, longest=3):
    n = longest
    while n > 1:
        places = _places(ids, n, len(ids) - n - 1)
        if places:
            return [*ids[places[-1] + n :]][:k]
        n -= 1
    return []


@attempt("propose_guesses_on")
def _(ids, k, longest=3):
    for n in reversed(range(1, longest + 1)):
        places = _places(ids, n, len(ids) - n - 1)
        if places:
            follows = list(ids[places[-1] + n :])
            return [follows[i % len(follows)] for i in range(k)]
    return []


@attempt("propose_compares_one_token")
def _(ids, k, longest=3):
    n = longest
    while n > 0:
        same = [i for i in range(len(ids) - n) if ids[i] == ids[len(ids) - n]]
        if same:
            return list(ids)[max(same) + n :][:k]
        n -= 1
    return []


@attempt("propose_searches_text")
def _(ids, k, longest=3):
    words = " " + " ".join(str(token) for token in ids)
    for n in reversed(range(1, min(longest + 1, max(len(ids), 1)))):
        head, found, _ = words[:-1].rpartition(" " + " ".join(map(str, ids[len(ids) - n :])))
        if found:
            return list(ids[head.count(" ") + n :])[:k]
    return []
