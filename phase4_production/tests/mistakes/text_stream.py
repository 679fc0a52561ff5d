"""Classic wrong answers for `solution/text_stream.py`."""

from shared.mistakes import mistake


@mistake(
    "4.21",
    "text_stream.first_stop",
    "The list's first stop string that is found is taken; the text decides, not the list.",
)
def first_stop_by_list(text, stop):
    for one in stop:
        if one in text:
            return text.find(one), one
    return None


@mistake(
    "4.21",
    "text_stream.first_stop",
    "The one that begins first is taken; token by token, the one that ends first would have won.",
)
def first_stop_by_begin(text, stop):
    found = [(text.find(one), one) for one in stop if one in text]
    return min(found, key=lambda at: (at[0], len(at[1])), default=None)


@mistake(
    "4.21",
    "text_stream.first_stop",
    "Of two that end together the shorter is taken, and the longer one's beginning is sent.",
)
def first_stop_shortest(text, stop):
    found = [(text.find(one), one) for one in stop if one in text]
    return min(found, key=lambda at: (at[0] + len(at[1]), -at[0]), default=None)


@mistake(
    "4.21",
    "text_stream.first_stop",
    "The last place of a stop string is found; the text ends before its first.",
)
def first_stop_rfind(text, stop):
    found = [(text.rfind(one), one) for one in stop if one in text]
    return min(found, key=lambda at: (at[0] + len(at[1]), at[0]), default=None)


@mistake(
    "4.21",
    "text_stream.first_stop",
    "Only the end of the text is looked at; a token may bring more text behind the stop string.",
)
def first_stop_at_the_end_only(text, stop):
    found = [(len(text) - len(one), one) for one in stop if text.endswith(one)]
    return min(found, key=lambda at: at[0], default=None)


@mistake(
    "4.21",
    "text_stream.first_stop",
    "The place behind the stop string is returned, so the answer has it; asked is where it begins.",
)
def first_stop_keeps_it(text, stop):
    found = [(text.find(one) + len(one), one) for one in stop if one in text]
    return min(found, key=lambda at: (at[0], -len(at[1])), default=None)


@mistake(
    "4.21",
    "text_stream.first_stop",
    'A stop string at the very beginning counts as none: 0 is a place, and find\'s "none" is -1.',
)
def first_stop_zero_is_false(text, stop):
    found = [(text.find(one), one) for one in stop if text.find(one) > 0]
    return min(found, key=lambda at: (at[0] + len(at[1]), at[0]), default=None)


@mistake(
    "4.21",
    "text_stream.held_back",
    "Always as much waits as the longest stop string could need; only a real beginning has to.",
)
def held_back_always(text, stop):
    return min(len(text), max((len(one) - 1 for one in stop), default=0))


@mistake(
    "4.21",
    "text_stream.held_back",
    "The shortest end that fits is taken; then part of a longer beginning has been sent.",
)
def held_back_shortest(text, stop):
    for n in range(1, len(text) + 1):
        if any(one.startswith(text[-n:]) for one in stop):
            return n
    return 0


@mistake(
    "4.21",
    "text_stream.held_back",
    "Only the first stop string is asked; any of them may begin here.",
)
def held_back_first_only(text, stop):
    for start in range(len(text)):
        if stop and stop[0].startswith(text[start:]):
            return len(text) - start
    return 0


@mistake(
    "4.21",
    "text_stream.held_back",
    "It is asked whether the text is in a stop string; it must be its beginning.",
)
def held_back_anywhere(text, stop):
    for start in range(len(text)):
        if any(text[start:] in one for one in stop):
            return len(text) - start
    return 0


@mistake(
    "4.21",
    "text_stream.held_back",
    "Nothing waits, so the beginning of a stop string is sent before anybody knows.",
)
def held_back_nothing(text, stop):
    return 0


@mistake(
    "4.21",
    "text_stream.held_back",
    "Everything from the first letter that a stop begins with waits, also when it goes on otherwise.",
)
def held_back_from_the_first_letter(text, stop):
    places = [text.find(one[0]) for one in stop if one[0] in text]
    return len(text) - min(places) if places else 0


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "Each token's bytes are decoded on their own: a character in two tokens becomes two U+FFFD.",
)
def push_decodes_alone(self, data):
    if self.stopped is not None:
        return ""
    text = self._held + data.decode(errors="replace")
    if found := first_stop(text, self.stop):
        ready, self.stopped = found
    else:
        ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "Bytes that are no text are dropped; they become U+FFFD.",
)
def push_ignores_broken_bytes(self, data):
    if self.stopped is not None:
        return ""
    text = self._held + self._decoder.decode(data).replace("\ufffd", "")
    if found := first_stop(text, self.stop):
        ready, self.stopped = found
    else:
        ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "What was held back is forgotten: a beginning that turns out to be none is lost.",
)
def push_forgets_held(self, data):
    if self.stopped is not None:
        return ""
    text = self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        ready, self.stopped = found
    else:
        ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "What was held back is returned, but held still, so that it comes twice.",
)
def push_says_twice(self, data):
    if self.stopped is not None:
        return ""
    self._held = text = self._held + self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        ready, self.stopped = found
    else:
        ready = len(text) - held_back(text, self.stop)
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "The stop string is returned with the text; it does not belong to the answer.",
)
def push_sends_the_stop(self, data):
    if self.stopped is not None:
        return ""
    text = self._held + self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        ready, self.stopped = found
        ready += len(self.stopped)
    else:
        ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "After a stop string text flows again; nothing may follow it.",
)
def push_goes_on(self, data):
    text = self._held + self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        ready, self.stopped = found
        self._held = ""
        return text[:ready]
    ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "`stopped` is not set, so nobody learns why the text ended, and what follows is sent.",
)
def push_does_not_say_stopped(self, data):
    if self.stopped is not None:
        return ""
    text = self._held + self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        ready, _ = found
        self._held = ""
        return text[:ready]
    ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.finish",
    "Text that waited for a stop string is lost, though nothing follows any more.",
)
def finish_loses_held(self):
    return "" if self.stopped is not None else self._decoder.decode(b"", final=True)


@mistake(
    "4.21",
    "text_stream.TextStream.finish",
    "Half a character at the end is lost; it becomes U+FFFD.",
)
def finish_without_the_decoder(self):
    if self.stopped is not None:
        return ""
    text, self._held = self._held, ""
    return text


@mistake(
    "4.21",
    "text_stream.TextStream.finish",
    "After a stop string the rest of its token comes out after all.",
)
def finish_after_the_stop(self):
    text = self._held + self._decoder.decode(b"", final=True)
    self._held = ""
    return text


@mistake(
    "4.21",
    "text_stream.TextStream.finish",
    "The last U+FFFD may complete a stop string, as any other character.",
)
def finish_without_stop(self):
    if self.stopped is not None:
        return ""
    text = self._held + self._decoder.decode(b"", final=True)
    self._held = ""
    return text


@mistake(
    "4.21",
    "text_stream.held_back",
    "The first stop string of the list that fits decides; another one may have a longer beginning here.",
)
def held_back_by_list(text, stop):
    for one in stop:
        for n in range(min(len(text), len(one)), 0, -1):
            if text.endswith(one[:n]):
                return n
    return 0


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "text[:-n] is nothing where n is 0, and text[-n:] is everything: cut at len(text) - n.",
)
def push_cuts_at_minus_0(self, data):
    if self.stopped is not None:
        return ""
    text = self._held + self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        self._held, self.stopped = "", found[1]
        return text[: found[0]]
    n = held_back(text, self.stop)
    self._held = text[-n:]
    return text[:-n]


@mistake(
    "4.21",
    "text_stream.first_stop",
    "Of two that end together the alphabet decides; the longer one counts.",
)
def first_stop_by_alphabet(text, stop):
    ends = [(text.find(one) + len(one), one) for one in stop if one in text]
    end, one = min(ends, default=(0, None))
    return one and (end - len(one), one)


@mistake(
    "4.21",
    "text_stream.first_stop",
    "A stop string at the very end of the text is not seen: the last character may complete one.",
)
def first_stop_misses_the_last_character(text, stop):
    found = [(text[:-1].find(one), one) for one in stop if one in text[:-1]]
    return min(found, key=lambda at: (at[0] + len(at[1]), at[0]), default=None)


@mistake(
    "4.21",
    "text_stream.held_back",
    "The search ends at the first end that fits none: N begins no END, but EN does.",
)
def held_back_gives_up_early(text, stop):
    n = 0
    while n < len(text) and any(one.startswith(text[len(text) - n - 1 :]) for one in stop):
        n += 1
    return n


@mistake(
    "4.21",
    "text_stream.held_back",
    "The last stop string of the list that fits decides; another one may have a longer beginning here.",
)
def held_back_by_the_last(text, stop):
    n = 0
    for one in stop:
        n = next((m for m in range(len(one) - 1, 0, -1) if text.endswith(one[:m])), n)
    return n


@mistake(
    "4.21",
    "text_stream.held_back",
    "Some of the text never waits; where all of it is a beginning, all of it does.",
)
def held_back_never_all(text, stop):
    for start in range(1, len(text)):
        if any(one.startswith(text[start:]) for one in stop):
            return len(text) - start
    return 0


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "Whole characters wait because half a one comes behind them; only the half has to.",
)
def push_waits_for_whole_pieces(self, data):
    if self.stopped is not None:
        return ""
    self._bytes = getattr(self, "_bytes", b"") + data
    try:
        text, self._bytes = self._held + self._bytes.decode(), b""
    except UnicodeDecodeError:
        return ""
    if found := first_stop(text, self.stop):
        ready, self.stopped = found
    else:
        ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "A stop string is looked for in the new text alone; it may have begun in what was held back.",
)
def push_looks_at_new_text_only(self, data):
    if self.stopped is not None:
        return ""
    new = self._decoder.decode(data)
    if found := first_stop(new, self.stop):
        ready, self.stopped = found
        text, self._held = self._held + new[:ready], ""
        return text
    text = self._held + new
    ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "Nothing is held back: the beginning of a stop string is sent before anybody knows.",
)
def push_holds_nothing(self, data):
    if self.stopped is not None:
        return ""
    text = self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        text, self.stopped = text[: found[0]], found[1]
    return text


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "All text waits where its end may begin a stop string; only that end has to.",
)
def push_holds_everything(self, data):
    if self.stopped is not None:
        return ""
    text = self._held + self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        ready, self.stopped = found
    else:
        ready = 0 if held_back(text, self.stop) else len(text)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.push",
    "The text in front of the stop string is lost with it.",
)
def push_loses_the_text_before(self, data):
    if self.stopped is not None:
        return ""
    text = self._held + self._decoder.decode(data)
    if found := first_stop(text, self.stop):
        self._held, self.stopped = "", found[1]
        return ""
    ready = len(text) - held_back(text, self.stop)
    self._held = text[ready:]
    return text[:ready]


@mistake(
    "4.21",
    "text_stream.TextStream.finish",
    "Where the end completes a stop string all that waited is lost; what stands in front of it is text.",
)
def finish_loses_the_text_before(self):
    if self.stopped is not None:
        return ""
    text = self._held + self._decoder.decode(b"", final=True)
    self._held = ""
    if found := first_stop(text, self.stop):
        self.stopped = found[1]
        return ""
    return text
