"""The mistakes of `solution/bpe.py` in another style: training."""

import itertools
from collections import defaultdict
from shared.mistakes import attempt


@attempt("pair_counts_misses_the_last")
def _(pieces):
    table = {}
    for piece in pieces:
        for left, right in zip(piece[:-2], piece[1:-1]):
            table[(left, right)] = table.get((left, right), 0) + 1
    return table


@attempt("pair_counts_crosses_borders")
def _(pieces):
    flat = list(itertools.chain.from_iterable(pieces))
    table = defaultdict(int)
    for k in range(1, len(flat)):
        table[flat[k - 1], flat[k]] += 1
    return dict(table)


@attempt("pair_counts_skips_overlaps")
def _(pieces):
    table = defaultdict(int)
    for piece in pieces:
        previous = None
        for pair in zip(piece, piece[1:]):
            if pair == previous and pair[0] == pair[1]:
                previous = None
                continue
            table[pair] += 1
            previous = pair
    return dict(table)


@attempt("pair_counts_once_per_piece")
def _(pieces):
    table = {}
    for piece in pieces:
        seen = []
        for k in range(len(piece) - 1):
            pair = (piece[k], piece[k + 1])
            if pair not in seen:
                seen.append(pair)
                table[pair] = table.get(pair, 0) + 1
    return table


@attempt("pair_counts_without_order")
def _(pieces):
    table = {}
    for piece in pieces:
        for k in range(len(piece) - 1):
            pair = tuple(sorted(piece[k : k + 2]))
            table[pair] = table.get(pair, 0) + 1
    return table


@attempt("pair_counts_two_by_two")
def _(pieces):
    table = {}
    for piece in pieces:
        for k in range(0, len(piece) - 1, 2):
            pair = piece[k], piece[k + 1]
            table[pair] = table.get(pair, 0) + 1
    return table


@attempt("merge_pair_keeps_the_right")
def _(ids, pair, new_id):
    result = []
    for k, token in enumerate(ids):
        fits = list(ids[k : k + 2]) == list(pair)
        result += [new_id] if fits else [token]
    return result


@attempt("merge_pair_misses_lists")
def _(ids, pair, new_id):
    out = list(ids)
    for k in range(len(out)):
        if out[k : k + 2] == tuple(pair):
            out[k : k + 2] = [new_id]
    return out


@attempt("merge_pair_by_zip")
def _(ids, pair, new_id):
    out = []
    for a, b in zip(ids, ids[1:]):
        if a == pair[0] and b == pair[1]:
            out.append(new_id)
        else:
            out.append(a)
    return out


@attempt("merge_pair_in_place")
def _(ids, pair, new_id):
    k = 0
    while k + 1 < len(ids):
        if ids[k] == pair[0] and ids[k + 1] == pair[1]:
            ids[k] = new_id
            del ids[k + 1]
        k += 1
    return ids


@attempt("merge_pair_first_only")
def _(ids, pair, new_id):
    result = list(ids)
    for k, window in enumerate(zip(ids, ids[1:])):
        if window == pair:
            result[k : k + 2] = [new_id]
            break
    return result


@attempt("merge_pair_loses_the_last")
def _(ids, pair, new_id):
    result = []
    windows = zip(ids, ids[1:])
    for left, right in windows:
        if (left, right) == pair:
            result.append(new_id)
            next(windows, None)
        else:
            result.append(left)
    return result


@attempt("merge_pair_from_the_right")
def _(ids, pair, new_id):
    rest, result = list(ids), []
    while rest:
        if rest[-2:] == list(pair):
            del rest[-2:]
            result.insert(0, new_id)
        else:
            result.insert(0, rest.pop())
    return result


@attempt("merge_pair_without_order")
def _(ids, pair, new_id):
    result, k = [], 0
    while k < len(ids):
        if tuple(ids[k : k + 2]) in (pair, pair[::-1]):
            result.append(new_id)
            k += 2
            continue
        result.append(ids[k])
        k += 1
    return result


@attempt("train_takes_the_first_seen")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < 256:
        raise ValueError("too small")
    words = [list(bytes(word, "utf-8")) for word in split(text, pattern)]
    learned = []
    while len(learned) < vocab_size - 256:
        table = pair_counts(words)
        if len(table) == 0:
            return learned
        best, most = None, 0
        for pair, count in table.items():
            if count > most:
                best, most = pair, count
        words = [merge_pair(word, best, 256 + len(learned)) for word in words]
        learned.append(best)
    return learned


@attempt("train_takes_the_largest_ids")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < 256:
        raise ValueError("too small")
    words = [list(word.encode("utf8")) for word in split(text, pattern)]
    learned = []
    for k in range(vocab_size - 256):
        table = [(count, pair) for pair, count in pair_counts(words).items()]
        if table:
            best = sorted(table)[-1][1]
            learned.append(best)
            words = [merge_pair(word, best, 256 + k) for word in words]
    return learned


@attempt("train_counts_once")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < 256:
        raise ValueError("too small")
    words = [list(word.encode()) for word in split(text, pattern)]
    table, learned = dict(pair_counts(words)), []
    for _ in range(vocab_size - 256):
        if not table:
            break
        best = min(table, key=lambda pair: (-table[pair], *pair))
        del table[best]
        learned.append(best)
    return learned


@attempt("train_without_splitting")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < 256:
        raise ValueError("too small")
    words, learned = [list(utf8(text))], []
    while len(learned) + 256 < vocab_size:
        table = pair_counts(words)
        if not table:
            break
        most = max(table.values())
        best = min(pair for pair in table if table[pair] == most)
        words[0] = merge_pair(words[0], best, 256 + len(learned))
        learned.append(best)
    return learned


@attempt("train_counts_a_word_once")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    words = {word: list(word.encode("utf-8")) for word in split(text, pattern)}
    merges = []
    while len(merges) < vocab_size - N_BYTES:
        stats = pair_counts(words.values())
        if not stats:
            break
        best = sorted(stats, key=lambda p: (-stats[p], p))[0]
        for word in words:
            words[word] = merge_pair(words[word], best, N_BYTES + len(merges))
        merges.append(best)
    return merges


@attempt("train_ignores_the_pattern")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < N_BYTES:
        raise ValueError
    chunks = [list(m.group().encode("utf-8")) for m in regex.finditer(GPT4_PATTERN, text)]
    merges = []
    while len(merges) < vocab_size - N_BYTES:
        stats = pair_counts(chunks)
        if not stats:
            break
        best = sorted(stats, key=lambda p: (-stats[p], p))[0]
        chunks = [merge_pair(c, best, N_BYTES + len(merges)) for c in chunks]
        merges.append(best)
    return merges


@attempt("train_on_code_points")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < 256:
        raise ValueError("too small")
    words, learned = [list(map(ord, word)) for word in split(text, pattern)], []
    for k in range(256, vocab_size):
        table = pair_counts(words)
        if not table:
            return learned
        best = sorted(table, key=lambda pair: (-table[pair], pair[0], pair[1]))[0]
        words = [merge_pair(word, best, k) for word in words]
        learned += [best]
    return learned


@attempt("train_makes_vocab_size_merges")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < 256:
        raise ValueError("too small")
    words, learned = [list(utf8(word)) for word in split(text, pattern)], []
    while len(learned) < vocab_size:
        table = pair_counts(words)
        if not table:
            return learned
        best = sorted(table.items(), key=lambda item: (-item[1], item[0]))[0][0]
        words = [merge_pair(word, best, 256 + len(learned)) for word in words]
        learned.append(best)
    return learned


@attempt("train_stops_at_one")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < 256:
        raise ValueError("too small")
    words, learned = [list(utf8(word)) for word in split(text, pattern)], []
    for k in range(256, vocab_size):
        table = {pair: n for pair, n in pair_counts(words).items() if n > 1}
        if not table:
            break
        best = min(table, key=lambda pair: (-table[pair], pair))
        words = [merge_pair(word, best, k) for word in words]
        learned.append(best)
    return learned


@attempt("train_needs_a_pair")
def _(text, vocab_size, pattern=GPT4_PATTERN):
    if vocab_size < 256:
        raise ValueError("too small")
    words, learned = [list(utf8(word)) for word in split(text, pattern)], []
    while len(learned) < vocab_size - 256:
        table = pair_counts(words)
        best = min(table, key=lambda pair: (-table[pair], pair[0], pair[1]))
        learned.append(best)
        words = [merge_pair(word, best, 255 + len(learned)) for word in words]
    return learned
