"""A broken definition hides no other: what is sound is found, at its own lines."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.source import SourceFile

PATH = Path("a.py")
SOUND = [
    "def {name}(x):\n    return x\n",
    '@decorated\ndef {name}(x):\n    """What it does.\n\nAt column 0:\n    more.\n    """\n',
    "@decorated(\n    1,\n)\n# why\n@again\ndef {name}(\n    x,\n) -> int:\n    return (\n  1)\n",
    "async def {name}(x): return await x\n",
    "def {name}(x):\n    if x:\n        y = '''\ndef not_here():\n'''\n    else:\n        y = 2\n",
    "# a comment above\ndef {name}(x):\n    # inside\n\n    return x  # after\n",
    "def {name}():\n    def inner():\n        pass\n    return inner\n",
    "def {name}():\n    return '\x0c \u2028'\n",
]
BROKEN = [
    "def {name}(x):\n    return (x.sum(\n",
    'def {name}(x):\n    y = """ the mean\n    return y\n',
    "def {name}(x:\n    return x\n",
    "def {name}(x):\n    y = 1\n      z = 2\n",
    "def {name}(x)\n    return x\n",
    "@decorated\ndef {name}(x):\n    the mean is the sum\n",
    "def {name}(x):\n",
    "def {name}(x):\nreturn x\n",
    "def {name}(x):\n    return 'open\n",
    "def {name}(x):\n    return '\0'\n",
    "def {name}(x):\n    return [1, 2)\n",
    "def {name}(x):\n    if x:\n    else:\n        pass\n",
]


@given(
    st.lists(st.sampled_from(SOUND), min_size=1, max_size=4),
    st.lists(st.sampled_from(SOUND), max_size=4),
    st.sampled_from(BROKEN),
)
def test_one_broken_function_hides_no_other(above, below, broken):
    parts = [part.format(name=f"f{i}") for i, part in enumerate([*above, broken, *below])]
    file = SourceFile(PATH, "\n\n".join(parts))
    for i, part in enumerate(parts):
        start, end = file.span(f"f{i}")
        if i == len(above):
            assert start in (position(file, part), position(file, part) + part.startswith("@"))
            continue
        code = part.removeprefix("# a comment above\n")
        assert "".join(file.lines[start:end]) == code
        assert start == position(file, code)
        assert file.find(f"f{i}").name == f"f{i}"


def position(file: SourceFile, part: str) -> int:
    return file.text[: file.text.index(part)].count("\n")


@pytest.mark.parametrize("broken", BROKEN)
def test_the_broken_one_says_so(broken):
    text = f"x = 1\n\n{broken.format(name='f')}\n\ndef g():\n    return 1\n"
    with pytest.raises(SyntaxError) as caught:
        SourceFile(PATH, text).find("f")
    if caught.value.lineno:  # a null byte has none
        assert 3 <= caught.value.lineno <= 8
    assert SourceFile(PATH, text).find("g").lineno == text[: text.index("def g")].count("\n") + 1


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("head", ["class C:\n", "@decorated\nclass C(\n    Base,\n):\n"])
def test_a_broken_method_hides_no_other(broken, head):
    methods = ["def a(self):\n    return 1\n", broken.format(name="m"), SOUND[1].format(name="b")]
    members = [textwrap.indent(part, "    ") for part in ('"""What."""\n', *methods)]
    text = head + "\n".join(members) + "\n\ndef after():\n    pass\n"
    file = SourceFile(PATH, text)
    for name, code in ("C.a", members[1]), ("C.b", members[3]), ("after", "def after"):
        assert file.span(name)[0] == position(file, code)
        assert file.find(name).name == name.removeprefix("C.")
    for name in ("C.m", "C"):
        with pytest.raises(SyntaxError):
            file.find(name)
    assert file.find_parsed("C").name == "C"


def test_what_only_the_compiler_minds():
    file = SourceFile(PATH, "def f():\n    return 1\n\ndef g():\n    break\n")
    assert file.find("f").lineno == 1
    with pytest.raises(SyntaxError) as caught:
        file.find("g")
    assert (caught.value.filename, caught.value.lineno) == ("a.py", 5)


def test_a_missing_definition():
    file = SourceFile(PATH, "class C:\n    pass\n")
    for name in ("f", "C.f", "D.f"):
        with pytest.raises(LookupError):
            file.find(name)
        with pytest.raises(LookupError):
            file.span(name)


def test_the_last_definition_wins():
    file = SourceFile(PATH, "def f():\n    return 1\n\ndef f():\n    return 2\n")
    assert file.find("f").lineno == 4


def test_a_class_whose_header_is_broken_still_has_places():
    methods = (
        "    def a(self):\n        return 1\n\n    # about b\n    def b(self):\n        pass\n"
    )
    file = SourceFile(PATH, "class C\n" + methods)
    assert file.span("C.a") == (1, 3)
    assert file.span("C.b") == (5, 7)
    with pytest.raises(SyntaxError):
        file.find("C.a")


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfdef f(): pass\n", b"def f():\r\n    pass\r\n"])
def test_files_from_elsewhere(tmp_path, content):
    (tmp_path / "a.py").write_bytes(content + b"# caf\xe9\n")
    file = SourceFile.read(tmp_path / "a.py")
    assert file.find("f").lineno == 1
    assert file.broken == []
