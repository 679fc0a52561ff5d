"""Classic wrong answers for `solution/unigram.py`."""

import math

from shared.mistakes import mistake


def value(piece, log_probs, unknown):
    return log_probs.get(piece, unknown if len(piece) == 1 else -math.inf)


def forward(text, max_length, worth, better=lambda new, old: new > old):
    best, last = [0.0], [0]
    for end in range(1, len(text) + 1):
        best.append(-math.inf)
        last.append(end - 1)
        for start in range(max(0, end - max_length), end):
            total = worth(best[start], text[start:end])
            if better(total, best[end]):
                best[end], last[end] = total, start
    return last


def backtrack(text, last):
    pieces, end = [], len(text)
    while end > 0:
        pieces.append(text[last[end] : end])
        end = last[end]
    return pieces[::-1]


@mistake(
    "1.5",
    "unigram.viterbi",
    "At each place the longest piece is taken: a choice that cannot be taken back; the best whole may begin with a short one.",
)
def viterbi_longest_match(text, log_probs, *, max_length, unknown):
    pieces, start = [], 0
    while start < len(text):
        size = max(1, *(k for k in range(max_length + 1) if text[start : start + k] in log_probs))
        pieces.append(text[start : start + size])
        start += size
    return pieces


@mistake(
    "1.5",
    "unigram.viterbi",
    "At each place the most probable next piece is taken; what it leaves for the rest is not considered.",
)
def viterbi_most_probable_next(text, log_probs, *, max_length, unknown):
    pieces, start = [], 0
    while start < len(text):
        ends = range(start + 1, min(start + max_length, len(text)) + 1)
        end = max(ends, key=lambda end: value(text[start:end], log_probs, unknown))
        pieces.append(text[start:end])
        start = end
    return pieces


@mistake(
    "1.5",
    "unigram.viterbi",
    "The score of what stands before the last piece is left out: only the last piece's own score decides.",
)
def viterbi_last_piece_only(text, log_probs, *, max_length, unknown):
    last = forward(text, max_length, lambda before, piece: value(piece, log_probs, unknown))
    return backtrack(text, last)


@mistake(
    "1.5",
    "unigram.viterbi",
    "The fewest pieces are taken, whatever their probabilities; the sum of the scores decides.",
)
def viterbi_fewest_pieces(text, log_probs, *, max_length, unknown):
    def worth(before, piece):
        return before - 1 if value(piece, log_probs, unknown) > -math.inf else -math.inf

    return backtrack(text, forward(text, max_length, worth))


@mistake(
    "1.5",
    "unigram.viterbi",
    "Of equal scores the one found last wins: the shortest last piece; the longest should.",
)
def viterbi_shortest_of_equals(text, log_probs, *, max_length, unknown):
    def worth(before, piece):
        return before + value(piece, log_probs, unknown)

    better = lambda new, old: new >= old and new > -math.inf  # noqa: E731
    return backtrack(text, forward(text, max_length, worth, better))


@mistake(
    "1.5",
    "unigram.viterbi",
    "The pieces come from the end to the front, as they were found; turn them around.",
)
def viterbi_not_reversed(text, log_probs, *, max_length, unknown):
    last = forward(text, max_length, lambda before, p: before + value(p, log_probs, unknown))
    return backtrack(text, last)[::-1]


@mistake(
    "1.5",
    "unigram.viterbi",
    "Strings of any length get the score of an unknown character; a longer string that is not in log_probs is no piece.",
)
def viterbi_unknown_strings(text, log_probs, *, max_length, unknown):
    last = forward(text, max_length, lambda before, p: before + log_probs.get(p, unknown))
    return backtrack(text, last)


@mistake(
    "1.5",
    "unigram.viterbi",
    "A score of 0.0 is false in Python, so `or` replaces it: a piece that is certain counts as unknown.",
)
def viterbi_zero_is_false(text, log_probs, *, max_length, unknown):
    def worth(before, piece):
        return before + (log_probs.get(piece) or (unknown if len(piece) == 1 else -math.inf))

    return backtrack(text, forward(text, max_length, worth))


@mistake(
    "1.5",
    "unigram.viterbi",
    "The unknown score is used as a floor: a known character keeps its own score, though it be lower.",
)
def viterbi_unknown_is_a_floor(text, log_probs, *, max_length, unknown):
    def worth(before, piece):
        known = log_probs.get(piece, -math.inf)
        return before + (max(known, unknown) if len(piece) == 1 else known)

    return backtrack(text, forward(text, max_length, worth))


@mistake(
    "1.5",
    "unigram.viterbi",
    "Pieces of exactly max_length characters are never tried: the start may be as far back as end - max_length.",
)
def viterbi_max_length_excluded(text, log_probs, *, max_length, unknown):
    size = max(1, max_length - 1)
    last = forward(text, size, lambda before, p: before + value(p, log_probs, unknown))
    return backtrack(text, last)


@mistake(
    "1.5",
    "unigram.viterbi",
    "max_length is not looked at: longer pieces than it allows are taken.",
)
def viterbi_ignores_max_length(text, log_probs, *, max_length, unknown):
    last = forward(text, len(text), lambda before, p: before + value(p, log_probs, unknown))
    return backtrack(text, last)


@mistake(
    "1.5",
    "unigram.viterbi",
    "The mean score of the pieces is compared: a segmentation is as probable as the product of its pieces, so the sum decides.",
)
def viterbi_mean_of_scores(text, log_probs, *, max_length, unknown):
    best = [(0.0, [])]
    for end in range(1, len(text) + 1):
        ways = []
        for start in range(max(0, end - max_length), end):
            mean, pieces = best[start]
            total = mean * len(pieces) + value(text[start:end], log_probs, unknown)
            ways.append((total / (len(pieces) + 1), [*pieces, text[start:end]]))
        best.append(max(ways, key=lambda way: way[0]))
    return best[-1][1]
