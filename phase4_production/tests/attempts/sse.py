"""The mistakes of `mistakes/sse.py`, as others would write them."""

from shared.mistakes import attempt


def _lf(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _frame(lines, name, end="\n"):
    out = f"event: {name}\n" if name else ""
    for line in lines:
        out += "data: " + line + "\n"
    return out + end


@attempt("event_without_the_empty_line")
def _(data, name=""):
    return _frame(_lf(data).split("\n"), name, end="")


@attempt("event_one_prefix")
def _(data, name=""):
    return _frame([data], name)


@attempt("event_drops_empty_lines")
def _(data, name=""):
    return _frame(filter(None, _lf(data).split("\n")), name)


@attempt("event_splitlines")
def _(data, name=""):
    return _frame(str.splitlines(data) if data else [""], name)


@attempt("event_line_feeds_only")
def _(data, name=""):
    body = data.replace("\n", "\ndata: ")
    return _frame([body], name)


@attempt("event_two_ends_of_one")
def _(data, name=""):
    return _frame(data.replace("\r", "\n").split("\n"), name)


@attempt("event_strips")
def _(data, name=""):
    return _frame(map(str.strip, _lf(data).split("\n")), name)


@attempt("event_without_the_space")
def _(data, name=""):
    out = "data:" + _lf(data).replace("\n", "\ndata:") + "\n\n"
    return f"event:{name}\n{out}" if name else out


@attempt("event_name_last")
def _(data, name=""):
    out = "data: " + _lf(data).replace("\n", "\ndata: ") + "\n"
    return out + (f"event: {name}\n" if name else "") + "\n"


@attempt("event_without_name")
def _(data, name=""):
    return _frame(_lf(data).split("\n"), "")


@attempt("event_joins_lf_cr")
def _(data, name=""):
    for end in ("\r\n", "\n\r", "\r"):
        data = data.replace(end, "\n")
    return _frame(data.split("\n"), name)


@attempt("event_strips_the_data")
def _(data, name=""):
    return _frame(_lf(data).strip().split("\n"), name)


@attempt("event_keeps_lone_cr")
def _(data, name=""):
    return _frame(data.replace("\r\n", "\n").split("\n"), name)


@attempt("event_for_each_line")
def _(data, name=""):
    return "".join(_frame([line], name) for line in _lf(data).split("\n"))
