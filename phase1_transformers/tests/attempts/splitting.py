"""The mistakes of `mistakes/splitting.py` again, as another learner would write them."""

import regex

from shared.mistakes import attempt


@attempt("split_by_findall")
def _(text, pattern):
    found = []
    for match in regex.compile(pattern).finditer(text):
        if match[0]:
            found.append(match[0])
    return found


@attempt("split_repeats_groups")
def _(text, pattern):
    cut = regex.compile("(" + pattern + ")")
    return list(filter(None, cut.split(text)))


@attempt("split_loses_the_tail")
def _(text, pattern):
    found, position = [], 0
    for match in regex.finditer(pattern, text):
        gap = text[position : match.start()]
        if gap:
            found.append(gap)
        if match[0]:
            found.append(match[0])
        position = match.end()
    return found


@attempt("split_keeps_empty_pieces")
def _(text, pattern):
    found, position = [], 0
    for match in regex.finditer(pattern, text):
        found.append(text[position : match.start()])
        found.append(match[0])
        position = match.end()
    found.append(text[position:])
    return found


@attempt("split_keeps_empty_matches")
def _(text, pattern):
    out, pos = [], 0
    for m in regex.finditer(pattern, text):
        if m.start() > pos:
            out.append(text[pos : m.start()])
        out.append(m.group(0))
        pos = m.end()
    if pos < len(text):
        out.append(text[pos:])
    return out


@attempt("split_at_spaces")
def _(text, pattern):
    return [word for word in regex.split(r"\s+", text) if word]


@attempt("split_by_re")
def _(text, pattern):
    import re

    borders = {0, len(text)}
    for m in re.compile(pattern).finditer(text):
        borders |= set(m.span())
    cuts = sorted(borders)
    return [text[a:b] for a, b in zip(cuts, cuts[1:])]


@attempt("split_keeps_the_gaps")
def _(text, pattern):
    found, position = [], 0
    for match in regex.finditer(pattern, text):
        found.append(text[position : match.start()])
        position = match.end()
    found.append(text[position:])
    return list(filter(None, found))


@attempt("split_drops_spaces")
def _(text, pattern):
    found, position = [], 0
    for match in regex.finditer(pattern, text):
        for piece in (text[position : match.start()], match[0]):
            if not piece.isspace() and piece:
                found.append(piece)
        position = match.end()
    rest = text[position:]
    return found + ([rest] if rest.strip() else [])


@attempt("split_specials_unescaped")
def _(text, specials):
    if "" in specials:
        raise ValueError("empty")
    if not specials:
        return [text] if text else []
    ordered = sorted(specials, key=lambda special: -len(special))
    cut = regex.compile("(" + "|".join(ordered) + ")")
    return list(filter(None, cut.split(text)))


@attempt("split_specials_unsorted")
def _(text, specials):
    if "" in specials:
        raise ValueError("empty")
    found, ordinary, i = [], "", 0
    while i < len(text):
        for special in specials:
            if text.startswith(special, i):
                if ordinary:
                    found.append(ordinary)
                found.append(special)
                ordinary = ""
                i += len(special)
                break
        else:
            ordinary += text[i]
            i += 1
    return [*found, ordinary] if ordinary else found


@attempt("split_specials_drops_them")
def _(text, specials):
    if "" in specials:
        raise ValueError("empty")
    if len(specials) == 0:
        return [text] if text else []
    ordered = sorted(specials, key=len)[::-1]
    return [p for p in regex.split("|".join(map(regex.escape, ordered)), text) if p != ""]


@attempt("split_specials_keeps_empty_pieces")
def _(text, specials):
    if "" in specials:
        raise ValueError("empty")
    if len(specials) == 0:
        return [text] if text else []
    ordered = sorted(specials, key=len)[::-1]
    found, position = [], 0
    for match in regex.finditer("|".join(map(regex.escape, ordered)), text):
        found.append(text[position : match.start()])
        found.append(match[0])
        position = match.end()
    return [*found, text[position:]]


@attempt("split_specials_one_after_another")
def _(text, specials):
    if "" in specials:
        raise ValueError("empty")
    parts = [(text, False)]
    for special in sorted(specials, key=len, reverse=True):
        new = []
        for part, done in parts:
            if done:
                new.append((part, done))
                continue
            for k, ordinary in enumerate(part.split(special)):
                new += [(special, True)] if k else []
                new.append((ordinary, False))
        parts = new
    return [part for part, _ in parts if part]


@attempt("split_specials_empty_pattern")
def _(text, specials):
    if "" in specials:
        raise ValueError("empty")
    ordered = sorted(specials, key=lambda special: -len(special))
    cut = regex.compile("(" + "|".join(map(regex.escape, ordered)) + ")")
    return list(filter(None, cut.split(text)))


@attempt("split_specials_strips")
def _(text, specials):
    if "" in specials:
        raise ValueError("empty")
    if not specials:
        return [text] if text else []
    ordered = sorted(specials, key=lambda special: -len(special))
    cut = regex.compile("(" + "|".join(map(regex.escape, ordered)) + ")")
    return [part.strip() for part in cut.split(text) if part.strip()]


@attempt("split_specials_ignores_case")
def _(text, specials):
    if "" in specials:
        raise ValueError("empty")
    if not specials:
        return [text] if text else []
    ordered = sorted(specials, key=lambda special: -len(special))
    cut = regex.compile("(" + "|".join(map(regex.escape, ordered)) + ")", regex.IGNORECASE)
    return list(filter(None, cut.split(text)))
