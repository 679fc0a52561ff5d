"""Classic wrong answers for `solution/bpe.py`: training."""

from collections import Counter
from itertools import pairwise
from shared.mistakes import mistake


@mistake(
    "1.1",
    "bpe.pair_counts",
    "The last pair of a pre-token is not counted: n ids have n - 1 neighbourhoods.",
)
def pair_counts_misses_the_last(pieces):
    counts = Counter()
    for ids in pieces:
        for i in range(len(ids) - 2):
            counts[ids[i], ids[i + 1]] += 1
    return counts


@mistake(
    "1.1",
    "bpe.pair_counts",
    "Pairs are counted across the border of two pre-tokens, where no merge may go.",
)
def pair_counts_crosses_borders(pieces):
    counts = Counter()
    ids = [i for piece in pieces for i in piece]
    counts.update(pairwise(ids))
    return counts


@mistake(
    "1.1",
    "bpe.pair_counts",
    "Overlapping pairs are skipped: in 7 7 7 each of the two neighbourhoods counts.",
)
def pair_counts_skips_overlaps(pieces):
    counts = Counter()
    for ids in pieces:
        i = 0
        while i < len(ids) - 1:
            pair = ids[i], ids[i + 1]
            counts[pair] += 1
            i += 2 if ids[i : i + 3] == [pair[0]] * 3 else 1
    return counts


@mistake(
    "1.1",
    "bpe.pair_counts",
    "Each pre-token counts a pair once, however often it occurs there.",
)
def pair_counts_once_per_piece(pieces):
    counts = Counter()
    for ids in pieces:
        counts.update(set(pairwise(ids)))
    return counts


@mistake(
    "1.1",
    "bpe.pair_counts",
    "(5, 6) and (6, 5) are counted as one: text has a direction, and so have pairs.",
)
def pair_counts_without_order(pieces):
    counts = Counter()
    for ids in pieces:
        for left, right in pairwise(ids):
            counts[min(left, right), max(left, right)] += 1
    return counts


@mistake(
    "1.1",
    "bpe.pair_counts",
    "Pairs are taken two by two, 0-1, 2-3, 4-5; every id also has the neighbour on its other side.",
)
def pair_counts_two_by_two(pieces):
    counts = Counter()
    for ids in pieces:
        counts.update(zip(ids[::2], ids[1::2]))
    return counts


@mistake(
    "1.1",
    "bpe.merge_pair",
    "The merged right id is visited again: after a merge, go on behind both.",
)
def merge_pair_keeps_the_right(ids, pair, new_id):
    merged = []
    for i in range(len(ids)):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            merged.append(new_id)
        else:
            merged.append(ids[i])
    return merged


@mistake(
    "1.1",
    "bpe.merge_pair",
    "Nothing is merged: a slice of a list is a list, and a list never equals a tuple.",
)
def merge_pair_misses_lists(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        if ids[i : i + 2] == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@mistake(
    "1.1",
    "bpe.merge_pair",
    "It looks at every pair of neighbours: the right half of a merge comes once more, and the last id never.",
)
def merge_pair_by_zip(ids, pair, new_id):
    return [new_id if both == pair else both[0] for both in pairwise(ids)]


@mistake(
    "1.1",
    "bpe.merge_pair",
    "The caller's list is changed: build a new one, or work on a copy.",
)
def merge_pair_in_place(ids, pair, new_id):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new_id]
        i += 1
    return ids


@mistake(
    "1.1",
    "bpe.merge_pair",
    "Only the first occurrence is merged; go on to the end.",
)
def merge_pair_first_only(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)


@mistake(
    "1.1",
    "bpe.merge_pair",
    "The last id gets lost where it is not part of a merge: it has no right neighbour to look at.",
)
def merge_pair_loses_the_last(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@mistake(
    "1.1",
    "bpe.merge_pair",
    "It works from right to left: in 7 7 7 the first two become one, not the last two.",
)
def merge_pair_from_the_right(ids, pair, new_id):
    merged, i = [], len(ids) - 1
    while i >= 0:
        if i > 0 and (ids[i - 1], ids[i]) == pair:
            merged.append(new_id)
            i -= 2
        else:
            merged.append(ids[i])
            i -= 1
    return merged[::-1]


@mistake(
    "1.1",
    "bpe.merge_pair",
    "The pair matches in both orders: (5, 6) is not (6, 5).",
)
def merge_pair_without_order(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and {ids[i], ids[i + 1]} == set(pair):
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@mistake(
    "1.1",
    "bpe.train",
    "Among equally common pairs the one that came up first wins; the rule is the smallest ids.",
)
def train_takes_the_first_seen(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    pieces = [list(piece.encode()) for piece in split(text, pattern)]
    merges = []
    for new_id in range(N_BYTES, vocab_size):
        counts = pair_counts(pieces)
        if not counts:
            break
        pair = max(counts, key=counts.get)
        pieces = [merge_pair(ids, pair, new_id) for ids in pieces]
        merges.append(pair)
    return merges


@mistake(
    "1.1",
    "bpe.train",
    "Among equally common pairs the largest ids win: max over (count, pair) prefers them. The rule is the smallest.",
)
def train_takes_the_largest_ids(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    pieces = [list(piece.encode()) for piece in split(text, pattern)]
    merges = []
    for new_id in range(N_BYTES, vocab_size):
        counts = pair_counts(pieces)
        if not counts:
            break
        pair = max(counts, key=lambda pair: (counts[pair], pair))
        pieces = [merge_pair(ids, pair, new_id) for ids in pieces]
        merges.append(pair)
    return merges


@mistake(
    "1.1",
    "bpe.train",
    "The pairs are counted once, at the start; every merge makes new pairs and takes others away.",
)
def train_counts_once(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    counts = pair_counts([list(piece.encode()) for piece in split(text, pattern)])
    ranked = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return ranked[: vocab_size - N_BYTES]


@mistake(
    "1.1",
    "bpe.train",
    "The text is not cut into pre-tokens first, so merges run across words.",
)
def train_without_splitting(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    ids = list(text.encode())
    merges = []
    for new_id in range(N_BYTES, vocab_size):
        counts = pair_counts([ids])
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        ids = merge_pair(ids, pair, new_id)
        merges.append(pair)
    return merges


@mistake(
    "1.1",
    "bpe.train",
    "Equal pre-tokens are counted once, however often the text has them: a set forgets how many there were.",
)
def train_counts_a_word_once(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    pieces = [list(piece.encode()) for piece in set(split(text, pattern))]
    merges = []
    for new_id in range(N_BYTES, vocab_size):
        counts = pair_counts(pieces)
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        pieces = [merge_pair(ids, pair, new_id) for ids in pieces]
        merges.append(pair)
    return merges


@mistake(
    "1.1",
    "bpe.train",
    "The text is cut by another pattern than the one that was given.",
)
def train_ignores_the_pattern(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    pieces = [list(piece.encode()) for piece in split(text, GPT4_PATTERN)]
    merges = []
    for new_id in range(N_BYTES, vocab_size):
        counts = pair_counts(pieces)
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        pieces = [merge_pair(ids, pair, new_id) for ids in pieces]
        merges.append(pair)
    return merges


@mistake(
    "1.1",
    "bpe.train",
    "It starts from code points, not from UTF-8 bytes: an id above 255 is then a character and a merge at once.",
)
def train_on_code_points(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    pieces = [[ord(character) for character in piece] for piece in split(text, pattern)]
    merges = []
    for new_id in range(N_BYTES, vocab_size):
        counts = pair_counts(pieces)
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        pieces = [merge_pair(ids, pair, new_id) for ids in pieces]
        merges.append(pair)
    return merges


@mistake(
    "1.1",
    "bpe.train",
    "vocab_size is taken for the number of merges; the 256 bytes are part of the vocabulary.",
)
def train_makes_vocab_size_merges(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    pieces = [list(piece.encode()) for piece in split(text, pattern)]
    merges = []
    for i in range(vocab_size):
        counts = pair_counts(pieces)
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        pieces = [merge_pair(ids, pair, N_BYTES + i) for ids in pieces]
        merges.append(pair)
    return merges


@mistake(
    "1.1",
    "bpe.train",
    "It stops at pairs that occur only once; they are merged too, until no pair is left.",
)
def train_stops_at_one(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    pieces = [list(piece.encode()) for piece in split(text, pattern)]
    merges = []
    for new_id in range(N_BYTES, vocab_size):
        counts = pair_counts(pieces)
        if not counts or max(counts.values()) < 2:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        pieces = [merge_pair(ids, pair, new_id) for ids in pieces]
        merges.append(pair)
    return merges


@mistake(
    "1.1",
    "bpe.train",
    "When no pair is left, min has nothing to choose from and raises: stop before.",
)
def train_needs_a_pair(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    pieces = [list(piece.encode()) for piece in split(text, pattern)]
    merges = []
    for new_id in range(N_BYTES, vocab_size):
        counts = pair_counts(pieces)
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        pieces = [merge_pair(ids, pair, new_id) for ids in pieces]
        merges.append(pair)
    return merges
