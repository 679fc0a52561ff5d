"""The mistakes of `mistakes/unigram.py`, as others would write them."""

import math

from shared.mistakes import attempt


def dynamic(text, rate, longest):
    """Keep (score, pieces) for each beginning of the text."""
    table = {0: (0.0, [])}
    for end in range(1, len(text) + 1):
        options = []
        for size in range(min(longest, end), 0, -1):
            piece = text[end - size : end]
            before, pieces = table[end - size]
            options.append((rate(before, piece), [*pieces, piece]))
        table[end] = max(options, key=lambda option: option[0])
    return table[len(text)][1]


@attempt("viterbi_longest_match")
def _(text, log_probs, *, max_length, unknown):
    out = []
    while text:
        for size in range(min(max_length, len(text)), 0, -1):
            if size == 1 or text[:size] in log_probs:
                break
        out.append(text[:size])
        text = text[size:]
    return out


@attempt("viterbi_most_probable_next")
def _(text, log_probs, *, max_length, unknown):
    out = []
    while text:
        choice, its_score = text[0], log_probs.get(text[0], unknown)
        for size in range(2, max_length + 1):
            piece = text[:size]
            if len(piece) == size and piece in log_probs and log_probs[piece] > its_score:
                choice, its_score = piece, log_probs[piece]
        out.append(choice)
        text = text[len(choice) :]
    return out


@attempt("viterbi_last_piece_only")
def _(text, log_probs, *, max_length, unknown):
    out = []
    while text:
        tails = [text[-size:] for size in range(min(max_length, len(text)), 0, -1)]
        scores = [log_probs.get(t, unknown if len(t) == 1 else -math.inf) for t in tails]
        chosen = tails[scores.index(max(scores))]
        out.insert(0, chosen)
        text = text[: len(text) - len(chosen)]
    return out


@attempt("viterbi_fewest_pieces")
def _(text, log_probs, *, max_length, unknown):
    def rate(before, piece):
        return before - 1 if len(piece) == 1 or piece in log_probs else -math.inf

    return dynamic(text, rate, max_length)


@attempt("viterbi_shortest_of_equals")
def _(text, log_probs, *, max_length, unknown):
    scores, cuts = {0: 0.0}, {}
    for end in range(1, len(text) + 1):
        scores[end] = -math.inf
        for size in range(1, min(max_length, end) + 1):
            piece = text[end - size : end]
            if piece in log_probs or size == 1:
                new = scores[end - size] + log_probs.get(piece, unknown)
                if new > scores[end]:
                    scores[end], cuts[end] = new, end - size
    out, end = [], len(text)
    while end:
        out.insert(0, text[cuts[end] : end])
        end = cuts[end]
    return out


@attempt("viterbi_not_reversed")
def _(text, log_probs, *, max_length, unknown):
    def rate(before, piece):
        return before + log_probs.get(piece, unknown if len(piece) == 1 else -math.inf)

    return list(reversed(dynamic(text, rate, max_length)))


@attempt("viterbi_unknown_strings")
def _(text, log_probs, *, max_length, unknown):
    def rate(before, piece):
        return before + (log_probs[piece] if piece in log_probs else unknown)

    return dynamic(text, rate, max_length)


@attempt("viterbi_zero_is_false")
def _(text, log_probs, *, max_length, unknown):
    def rate(before, piece):
        known = log_probs.get(piece)
        if not known:
            known = -math.inf if len(piece) > 1 else unknown
        return before + known

    return dynamic(text, rate, max_length)


@attempt("viterbi_unknown_is_a_floor")
def _(text, log_probs, *, max_length, unknown):
    scores = dict(log_probs)
    for character in text:
        scores[character] = max(unknown, scores.get(character, unknown))
    return dynamic(text, lambda before, piece: before + scores.get(piece, -math.inf), max_length)


@attempt("viterbi_max_length_excluded")
def _(text, log_probs, *, max_length, unknown):
    allowed = {p: s for p, s in log_probs.items() if len(p) < max_length or len(p) == 1}
    for character in text:
        allowed.setdefault(character, unknown)
    return dynamic(text, lambda before, piece: before + allowed.get(piece, -math.inf), max_length)


@attempt("viterbi_ignores_max_length")
def _(text, log_probs, *, max_length, unknown):
    longest = max(max_length, *map(len, log_probs)) if log_probs else max_length

    def rate(before, piece):
        return before + log_probs.get(piece, unknown if len(piece) == 1 else -math.inf)

    return dynamic(text, rate, longest)


@attempt("viterbi_mean_of_scores")
def _(text, log_probs, *, max_length, unknown):
    ways = {0: (0.0, ())}
    for n in range(1, len(text) + 1):
        for k in range(min(n, max_length), 0, -1):
            piece = text[n - k : n]
            if piece not in log_probs and k > 1:
                continue
            total, pieces = ways[n - k]
            way = total + log_probs.get(piece, unknown), (*pieces, piece)
            if n not in ways or way[0] / len(way[1]) > ways[n][0] / len(ways[n][1]):
                ways[n] = way
    return list(ways[len(text)][1])
