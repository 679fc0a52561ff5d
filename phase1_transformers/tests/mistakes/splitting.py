"""Classic wrong answers for `solution/splitting.py`."""

import regex

from shared.mistakes import mistake


@mistake(
    "1.3",
    "splitting.split",
    "findall keeps the matches only; what lies between them belongs to the text too.",
)
def split_by_findall(text, pattern):
    found = [match.group() for match in regex.finditer(pattern, text)]
    return [piece for piece in found if piece]


@mistake(
    "1.3",
    "splitting.split",
    "Groups of the pattern come back as pieces of their own: regex.split returns what every group captured, not only yours.",
)
def split_repeats_groups(text, pattern):
    pieces = regex.split(f"({pattern})", text)
    return [piece for piece in pieces if piece]


@mistake(
    "1.3",
    "splitting.split",
    "What stands behind the last match is lost.",
)
def split_loses_the_tail(text, pattern):
    pieces, end = [], 0
    for match in regex.finditer(pattern, text):
        pieces += [text[end : match.start()], match.group()]
        end = match.end()
    return [piece for piece in pieces if piece]


@mistake(
    "1.3",
    "splitting.split",
    "Empty strings are left between matches that touch; no pre-token is empty.",
)
def split_keeps_empty_pieces(text, pattern):
    pieces, end = [], 0
    for match in regex.finditer(pattern, text):
        pieces += [text[end : match.start()], match.group()]
        end = match.end()
    return [*pieces, text[end:]]


@mistake(
    "1.3",
    "splitting.split",
    "A pattern may match nothing, between two letters, and that match is kept: no pre-token is empty.",
)
def split_keeps_empty_matches(text, pattern):
    pieces, end = [], 0
    for match in regex.finditer(pattern, text):
        pieces += [text[end : match.start()]] if match.start() > end else []
        pieces.append(match.group())
        end = match.end()
    return [*pieces, text[end:]] if text[end:] else pieces


@mistake(
    "1.3",
    "splitting.split",
    "The text is cut at spaces, which are lost with it; the pattern says where to cut, and spaces are text.",
)
def split_at_spaces(text, pattern):
    return text.split()


@mistake(
    "1.3",
    "splitting.split",
    "Python's own re does not know the Unicode classes, \\p{L} and \\p{N}; the regex library, imported above, does.",
)
def split_by_re(text, pattern):
    import re

    pieces, end = [], 0
    for match in re.finditer(pattern, text):
        pieces += [text[end : match.start()], match.group()]
        end = match.end()
    return [piece for piece in [*pieces, text[end:]] if piece]


@mistake(
    "1.3",
    "splitting.split",
    "regex.split throws the matches away and keeps what lies between; both are needed.",
)
def split_keeps_the_gaps(text, pattern):
    pieces = regex.split(f"(?:{pattern})", text)
    return [piece for piece in pieces if piece]


@mistake(
    "1.3",
    "splitting.split",
    "Pieces of spaces are dropped, so indentation and blank lines cannot come back.",
)
def split_drops_spaces(text, pattern):
    pieces, end = [], 0
    for match in regex.finditer(pattern, text):
        pieces += [text[end : match.start()], match.group()]
        end = match.end()
    pieces.append(text[end:])
    return [piece for piece in pieces if piece.strip()]


@mistake(
    "1.3",
    "splitting.split_specials",
    'Special tokens are used as regular expressions: the | in <|endoftext|> means "or" there. Escape them.',
)
def split_specials_unescaped(text, specials):
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    if not specials:
        return [text] if text else []
    alternatives = "|".join(sorted(specials, key=len, reverse=True))
    return [piece for piece in regex.split(f"({alternatives})", text) if piece]


@mistake(
    "1.3",
    "splitting.split_specials",
    "A shorter special token is found where a longer one begins as well; the longest shall win, in whatever order they come.",
)
def split_specials_unsorted(text, specials):
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    if not specials:
        return [text] if text else []
    alternatives = "|".join(regex.escape(special) for special in specials)
    return [piece for piece in regex.split(f"({alternatives})", text) if piece]


@mistake(
    "1.3",
    "splitting.split_specials",
    "The special tokens themselves are gone: regex.split keeps what a group captures, and nothing else of a cut.",
)
def split_specials_drops_them(text, specials):
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    if not specials:
        return [text] if text else []
    longest_first = sorted(specials, key=len, reverse=True)
    alternatives = "|".join(regex.escape(special) for special in longest_first)
    return [piece for piece in regex.split(alternatives, text) if piece]


@mistake(
    "1.3",
    "splitting.split_specials",
    "Empty strings are left where a special token begins or ends the text, or two touch.",
)
def split_specials_keeps_empty_pieces(text, specials):
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    if not specials:
        return [text] if text else []
    longest_first = sorted(specials, key=len, reverse=True)
    alternatives = "|".join(regex.escape(special) for special in longest_first)
    return regex.split(f"({alternatives})", text)


@mistake(
    "1.3",
    "splitting.split_specials",
    "It cuts at one special token after the other, so one that begins later can win; go through the text once.",
)
def split_specials_one_after_another(text, specials):
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    pieces = [text]
    for special in sorted(specials, key=len, reverse=True):
        cut = []
        for piece in pieces:
            cut += (
                [piece] if piece in specials else regex.split(f"({regex.escape(special)})", piece)
            )
        pieces = cut
    return [piece for piece in pieces if piece]


@mistake(
    "1.3",
    "splitting.split_specials",
    "With no special tokens the pattern is empty, and an empty pattern matches everywhere.",
)
def split_specials_empty_pattern(text, specials):
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    longest_first = sorted(specials, key=len, reverse=True)
    alternatives = "|".join(regex.escape(special) for special in longest_first)
    return [piece for piece in regex.split(f"({alternatives})", text) if piece]


@mistake(
    "1.3",
    "splitting.split_specials",
    "The text around special tokens is stripped; spaces and line ends there are text.",
)
def split_specials_strips(text, specials):
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    if not specials:
        return [text] if text else []
    longest_first = sorted(specials, key=len, reverse=True)
    alternatives = "|".join(regex.escape(special) for special in longest_first)
    pieces = [piece.strip() for piece in regex.split(f"({alternatives})", text)]
    return [piece for piece in pieces if piece]


@mistake(
    "1.3",
    "splitting.split_specials",
    "Upper and lower case are taken for the same; a special token is one exact string.",
)
def split_specials_ignores_case(text, specials):
    if "" in specials:
        raise ValueError("a special token needs at least one character")
    if not specials:
        return [text] if text else []
    longest_first = sorted(specials, key=len, reverse=True)
    alternatives = "|".join(regex.escape(special) for special in longest_first)
    return [piece for piece in regex.split(f"(?i)({alternatives})", text) if piece]
