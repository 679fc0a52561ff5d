"""The mistakes of `mistakes/text_stream.py`, as others would write them."""

from shared.mistakes import attempt


def _ends(text, stop):
    """(end, start, stop string) of every stop string's first place."""
    return [(text.index(s) + len(s), text.index(s), s) for s in stop if text.count(s)]


def _next(self, new):
    """The usual end of a push, on text that is decoded."""
    text = self._held + new
    found = first_stop(text, self.stop)
    if found is None:
        cut = len(text) - held_back(text, self.stop)
        self._held = text[cut:]
        return text[:cut]
    self._held, self.stopped = "", found[1]
    return text[: found[0]]


@attempt("first_stop_by_list")
def _(text, stop):
    return next(((text.index(s), s) for s in stop if s in text), None)


@attempt("first_stop_by_begin")
def _(text, stop):
    ends = sorted(_ends(text, stop), key=lambda e: (e[1], e[0]))
    return (ends[0][1], ends[0][2]) if ends else None


@attempt("first_stop_shortest")
def _(text, stop):
    best = None
    for end, start, s in _ends(text, stop):
        if best is None or end < best[0] or (end == best[0] and len(s) < len(best[2])):
            best = (end, start, s)
    return best and (best[1], best[2])


@attempt("first_stop_rfind")
def _(text, stop):
    best = None
    for s in stop:
        start = text.rindex(s) if s in text else -1
        if start < 0:
            continue
        key = (start + len(s), -len(s))
        if best is None or key < best[0]:
            best = (key, start, s)
    return best and (best[1], best[2])


@attempt("first_stop_at_the_end_only")
def _(text, stop):
    ending = sorted((s for s in stop if text[-len(s) :] == s), key=len, reverse=True)
    return (len(text) - len(ending[0]), ending[0]) if ending else None


@attempt("first_stop_keeps_it")
def _(text, stop):
    ends = sorted(_ends(text, stop))
    return (ends[0][0], ends[0][2]) if ends else None


@attempt("first_stop_zero_is_false")
def _(text, stop):
    ends = sorted(e for e in _ends(text, stop) if e[1])
    return (ends[0][1], ends[0][2]) if ends else None


@attempt("held_back_always")
def _(text, stop):
    longest = max(map(len, stop)) - 1 if stop else 0
    return longest if longest < len(text) else len(text)


@attempt("held_back_shortest")
def _(text, stop):
    lengths = [n for n in range(1, len(text) + 1) for s in stop if s[:n] == text[-n:]]
    return min(lengths, default=0)


@attempt("held_back_first_only")
def _(text, stop):
    if not stop:
        return 0
    s = stop[0]
    return max((n for n in range(1, len(text) + 1) if s[:n] == text[-n:]), default=0)


@attempt("held_back_anywhere")
def _(text, stop):
    return max((n for n in range(1, len(text) + 1) for s in stop if s.count(text[-n:])), default=0)


@attempt("held_back_nothing")
def _(text, stop):
    return len("")


@attempt("held_back_from_the_first_letter")
def _(text, stop):
    firsts = {s[0] for s in stop}
    for i, c in enumerate(text):
        if c in firsts:
            return len(text[i:])
    return 0


@attempt("push_decodes_alone")
def _(self, data):
    return "" if self.stopped else _next(self, str(data, "utf-8", "replace"))


@attempt("push_ignores_broken_bytes")
def _(self, data):
    if self.stopped:
        return ""
    new = self._decoder.decode(data)
    return _next(self, "".join(c for c in new if c != "\ufffd"))


@attempt("push_forgets_held")
def _(self, data):
    if self.stopped:
        return ""
    self._held = ""
    return _next(self, self._decoder.decode(data))


@attempt("push_says_twice")
def _(self, data):
    if self.stopped:
        return ""
    text = self._held + self._decoder.decode(data)
    said = _next(self, text[len(self._held) :])
    self._held = text
    return said


@attempt("push_sends_the_stop")
def _(self, data):
    if self.stopped:
        return ""
    said = _next(self, self._decoder.decode(data))
    return said + (self.stopped or "")


@attempt("push_goes_on")
def _(self, data):
    return _next(self, self._decoder.decode(data))


@attempt("push_does_not_say_stopped")
def _(self, data):
    said = _next(self, self._decoder.decode(data))
    self.stopped = None
    return said


@attempt("finish_loses_held")
def _(self):
    if self.stopped:
        return ""
    self._held = ""
    return self._decoder.decode(b"", True)


@attempt("finish_without_the_decoder")
def _(self):
    return "" if self.stopped else self._held


@attempt("finish_after_the_stop")
def _(self):
    return self._held + self._decoder.decode(b"", True)


@attempt("finish_without_stop")
def _(self):
    if self.stopped:
        return ""
    return "".join([self._held, self._decoder.decode(b"", True)])


@attempt("held_back_by_list")
def _(text, stop):
    for s in stop:
        fits = [n for n in range(1, len(s)) if text[-n:] == s[:n]]
        if fits:
            return fits[-1]
    return 0


@attempt("push_cuts_at_minus_0")
def _(self, data):
    if self.stopped:
        return ""
    self._held += self._decoder.decode(data)
    found = first_stop(self._held, self.stop)
    if found is not None:
        ready, self.stopped, self._held = self._held[: found[0]], found[1], ""
        return ready
    waits = held_back(self._held, self.stop)
    ready, self._held = self._held[:-waits], self._held[-waits:]
    return ready


@attempt("first_stop_by_alphabet")
def _(text, stop):
    ends = sorted((end, s, start) for end, start, s in _ends(text, stop))
    return (ends[0][2], ends[0][1]) if ends else None


@attempt("first_stop_misses_the_last_character")
def _(text, stop):
    for end in range(len(text)):
        here = [s for s in stop if text[:end].endswith(s)]
        if here:
            longest = max(here, key=len)
            return end - len(longest), longest
    return None


@attempt("held_back_gives_up_early")
def _(text, stop):
    for n in range(1, len(text) + 1):
        if not [s for s in stop if s[:n] == text[-n:]]:
            return n - 1
    return len(text)


@attempt("held_back_by_the_last")
def _(text, stop):
    held = 0
    for s in stop:
        for n in range(1, len(s)):
            if text[-n:] == s[:n]:
                held = n
    return held


@attempt("held_back_never_all")
def _(text, stop):
    fits = [n for s in stop for n in range(1, len(s)) if len(text) > n and text.endswith(s[:n])]
    return max([0, *fits])


@attempt("push_waits_for_whole_pieces")
def _(self, data):
    if self.stopped:
        return ""
    self._waiting = getattr(self, "_waiting", b"") + data
    new = self._waiting.decode("utf-8", "replace")
    if new[-1:] == "\ufffd":
        return ""
    self._waiting = b""
    return _next(self, new)


@attempt("push_looks_at_new_text_only")
def _(self, data):
    if self.stopped:
        return ""
    new = self._decoder.decode(data)
    found = first_stop(new, self.stop)
    if found is None:
        new = self._held + new
        cut = len(new) - held_back(new, self.stop)
        new, self._held = new[:cut], new[cut:]
        return new
    self.stopped = found[1]
    return self._held + new[: found[0]]


@attempt("push_holds_nothing")
def _(self, data):
    if self.stopped:
        return ""
    new = self._decoder.decode(data)
    found = first_stop(new, self.stop)
    if found is None:
        return new
    self.stopped = found[1]
    return new[: found[0]]


@attempt("push_holds_everything")
def _(self, data):
    if self.stopped:
        return ""
    self._held += self._decoder.decode(data)
    found = first_stop(self._held, self.stop)
    if found is None and held_back(self._held, self.stop):
        return ""
    text, self._held = self._held, ""
    if found:
        text, self.stopped = text[: found[0]], found[1]
    return text


@attempt("push_loses_the_text_before")
def _(self, data):
    if self.stopped:
        return ""
    text = _next(self, self._decoder.decode(data))
    return "" if self.stopped else text


@attempt("finish_loses_the_text_before")
def _(self):
    if self.stopped:
        return ""
    text = self._held + self._decoder.decode(b"", True)
    _, self.stopped = first_stop(text, self.stop) or (None, None)
    return text if self.stopped is None else ""
