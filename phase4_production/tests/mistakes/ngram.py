"""Classic wrong answers for `solution/ngram.py`."""

from shared.mistakes import mistake


@mistake(
    "4.18",
    "ngram.propose",
    "The first place is taken; the latest is the likelier one: texts repeat what they have just said.",
)
def propose_first_place(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "The shortest end is looked for first; a longer one says more of what comes next.",
)
def propose_shortest_first(ids, k, longest=3):
    ids = list(ids)
    for n in range(1, min(longest, len(ids) - 1) + 1):
        end = ids[-n:]
        for start in range(len(ids) - n - 1, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "The end finds itself, and after the end there is nothing: begin one place before it.",
)
def propose_finds_itself(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids)), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "The tokens that were looked for are guessed again; the guesses begin after them.",
)
def propose_repeats_the_end(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - 1, -1, -1):
            if ids[start : start + n] == end:
                return ids[start : start + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "Only the longest end is looked for; if it stands nowhere else, try a shorter one.",
)
def propose_longest_only(ids, k, longest=3):
    ids = list(ids)
    n = min(longest, len(ids) - 1)
    end = ids[-n:]
    for start in range(len(ids) - n - 1, -1, -1):
        if n > 0 and ids[start : start + n] == end:
            return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "All that follows is returned; at most k guesses are wanted.",
)
def propose_without_limit(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - 1, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n :]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "A place that overlaps the end is passed over, and with it every text that repeats one token.",
)
def propose_without_overlap(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - 2 * n, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "The place right before the end is missed: the last start is len(ids) - n - 1, and range stops before its end.",
)
def propose_misses_the_last_place(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - 2, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "Only places that k tokens follow count here; fewer guesses are guesses, too.",
)
def propose_full_length_only(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - k, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "`longest` is not asked: three tokens are looked up, whatever the caller wants.",
)
def propose_always_three(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(3, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - 1, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "The very first place is missed: starts go down to 0, and range stops before its end.",
)
def propose_misses_the_first_place(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - 1, 0, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "The longest end is never looked for: the n to begin with is `longest` itself.",
)
def propose_begins_one_shorter(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids)) - 1, 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - 1, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "One token alone is never looked for: n goes down to 1, and range stops before its end.",
)
def propose_stops_at_two(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 1, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - 1, -1, -1):
            if ids[start : start + n] == end:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "Where the text ends the guesses go on with guesses; only what stands there was asked for.",
)
def propose_guesses_on(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = ids[-n:]
        for start in range(len(ids) - n - 1, -1, -1):
            if ids[start : start + n] == end:
                for i in range(start + n, start + n + k):
                    ids.append(ids[i])
                return ids[-k:]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "Only the first of the n tokens is compared; all n have to stand there.",
)
def propose_compares_one_token(ids, k, longest=3):
    ids = list(ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        for start in range(len(ids) - n - 1, -1, -1):
            if ids[start] == ids[-n]:
                return ids[start + n : start + n + k]
    return []


@mistake(
    "4.18",
    "ngram.propose",
    "Tokens are compared as text, and 1 is found in 12: compare numbers.",
)
def propose_searches_text(ids, k, longest=3):
    ids = list(ids)
    text = "".join(f",{token}" for token in ids)
    for n in range(min(longest, len(ids) - 1), 0, -1):
        end = "".join(f",{token}" for token in ids[-n:])
        place = text.rfind(end, 0, len(text) - 1)
        if place >= 0:
            start = text[:place].count(",")
            return ids[start + n : start + n + k]
    return []
