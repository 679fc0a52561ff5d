"""Questions and answers on every machine: what this Python's own documentation says of it.

The modules are named one by one, for importing anything that is there could open a window or a
browser. What an object is called with stands in its signature, what it does in its docstring.
"""

import importlib
import inspect
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from phase3_alignment.project.records import Conversation, Labelled, Pair
from phase3_alignment.solution.chat import Message

# Importing them does nothing else; a Python built without one does without it.
MODULES = (  # noqa: SIM905
    "abc argparse array ast asyncio base64 bdb binascii bisect builtins bz2 calendar cmath cmd "
    "code codecs collections colorsys concurrent.futures configparser contextlib copy csv "
    "dataclasses datetime decimal difflib dis email.message email.utils enum filecmp fileinput "
    "fnmatch fractions ftplib functools gc getpass gettext glob graphlib gzip hashlib heapq hmac "
    "html html.parser http.client http.cookies http.server imaplib inspect io ipaddress itertools "
    "json keyword linecache locale logging lzma mailbox math mimetypes netrc numbers operator "
    "optparse os os.path pathlib pdb pickle pickletools pkgutil platform plistlib poplib pprint "
    "profile pstats pyclbr queue quopri random re reprlib runpy sched secrets selectors shelve "
    "shlex shutil signal smtplib socket socketserver sqlite3 stat statistics string stringprep "
    "struct subprocess symtable sys sysconfig tarfile tempfile textwrap threading time timeit "
    "tokenize trace traceback tracemalloc types typing unicodedata unittest unittest.mock "
    "urllib.parse urllib.request urllib.robotparser uuid warnings wave weakref xml.dom.minidom "
    "xml.etree.ElementTree xmlrpc.client zipfile zipimport zlib zoneinfo"
).split()
SHORTEST, LONGEST = 20, 400  # characters of an answer
LARGE_MODULE = 60  # answers from which on a module is a class of `labelled`


@dataclass(frozen=True)
class Entry:
    """One documented object.

    Attributes:
        module: where it was found.
        question: about it.
        answer: the first paragraph of its docstring, on one line.
        call: how it is called, "" if that is not known.
    """

    module: str
    question: str
    answer: str
    call: str


@cache
def entries() -> tuple[Entry, ...]:
    """All documented objects of all modules; no answer occurs twice."""
    first: dict[str, Entry] = {}
    with warnings.catch_warnings(action="ignore"):  # some members say that they are deprecated
        for entry in (entry for module in MODULES for entry in _entries_of(module)):
            if SHORTEST <= len(entry.answer) <= LONGEST:
                first.setdefault(entry.answer, entry)
    return tuple(first.values())


def conversations() -> list[Conversation]:
    """What is it, and, in a second turn, how is it called."""
    found = []
    for entry in entries():
        said = [Message("user", entry.question), Message("assistant", entry.answer)]
        if entry.call:
            said += [Message("user", "How is it called?"), Message("assistant", entry.call)]
        found.append(Conversation(tuple(said)))
    return found


def pairs() -> list[Pair]:
    """The answer, and in the same words the answer to another question on the same module."""
    found = []
    by_module: dict[str, list[Entry]] = {}
    for entry in entries():
        by_module.setdefault(entry.module, []).append(entry)
    for asked in by_module.values():
        others = asked[1:] + asked[:1]
        for entry, other in zip(asked, others, strict=True):
            if entry is not other:
                prompt = (Message("user", entry.question),)
                found.append(Pair(prompt, entry.answer, other.answer))
    return found


def labelled() -> tuple[list[Labelled], tuple[str, ...]]:
    """Which module does this sentence describe a part of? Also the modules' names."""
    counts = Counter(entry.module for entry in entries())
    names = sorted(module for module, n in counts.items() if n >= LARGE_MODULE)
    texts = [
        Labelled(entry.answer, names.index(entry.module))
        for entry in entries()
        if entry.module in names
    ]
    return texts, tuple(names)


# -- reading an object ------------------------------------------------------------------------


def _entries_of(name: str) -> Iterator[Entry]:
    try:
        module = importlib.import_module(name)
    except ImportError:
        return
    yield Entry(name, f"What is the module {name} for?", _first_paragraph(module), "")
    prefix = "" if name == "builtins" else f"{name}."
    for member in _public(module):
        thing = getattr(module, member, None)
        if inspect.isclass(thing):
            yield _entry(name, f"What is {prefix}{member}?", f"{prefix}{member}", thing)
            for method, function in sorted(vars(thing).items()):
                if not method.startswith("_") and callable(function):
                    full = f"{prefix}{member}.{method}"
                    yield _entry(name, f"What does {full}() do?", full, function)
        elif callable(thing):
            full = f"{prefix}{member}"
            yield _entry(name, f"What does {full}() do?", full, thing)


def _public(module: ModuleType) -> list[str]:
    """Names of what a module offers: as it says itself, or all that it has not imported.

    Without hooks: those are there to be replaced, and some programs replace them.
    """
    own = (
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    )
    names = set(getattr(module, "__all__", own))
    return sorted(name for name in names if not name.endswith("hook"))


def _entry(module: str, question: str, name: str, thing: object) -> Entry:
    signature = _signature(thing)
    return Entry(module, question, _first_paragraph(thing), name + signature if signature else "")


def _first_paragraph(thing: object) -> str:
    """The docstring's, and not an inherited one; "" if there is none, or if it is not Python's.

    A library may hang methods of its own onto a class of the standard library.
    """
    text, home = getattr(thing, "__doc__", None), getattr(thing, "__module__", None) or "builtins"
    if not isinstance(text, str) or home.partition(".")[0] not in sys.stdlib_module_names:
        return ""
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())


def _signature(thing: object) -> str:
    """As `inspect` writes it; "" if there is none, or if it would differ in the next process."""
    try:
        text = str(inspect.signature(thing))
    except (ValueError, TypeError):
        return ""
    # An address or an object without a name of its own; the order of a set.
    return "" if "<" in text or "set(" in text or "{" in text else text
