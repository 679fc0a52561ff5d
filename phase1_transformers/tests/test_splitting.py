"""Splitting against cases by hand, findall, a scan, and the law that nothing is lost."""

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from phase1_transformers.solution import splitting
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN
from phase1_transformers.solution.tokenizer import END
from shared import checks

any_text = st.text(st.sampled_from("aB7 é日\n\r\t'.s\u0301\x00🙂"), max_size=12)


# -- 1.3: pre-tokens --------------------------------------------------------------------------


@pytest.mark.exercise("1.3")
def test_split_by_hand():
    pieces = splitting.split("12ab3", r"\d+|\w+")
    checks.equal(pieces, ["12", "ab3"], r"12ab3 cut by \d+|\w+")


@pytest.mark.exercise("1.3")
def test_split_keeps_what_does_not_match():
    pieces = splitting.split("..1-2 end\n", r"\d")
    checks.equal(pieces, ["..", "1", "-", "2", " end\n"], r"'..1-2 end\n' cut by \d")
    checks.equal(splitting.split("none", r"\d"), ["none"], r"'none' cut by \d, which it has not")
    checks.equal(splitting.split("", r"\d"), [], r"the empty text cut by \d")


@pytest.mark.exercise("1.3")
def test_split_does_not_care_for_groups():
    pieces = splitting.split("a1 bc", r"(\p{L})+(\d)?| ")
    checks.equal(pieces, ["a1", " ", "bc"], r"'a1 bc' cut by (\p{L})+(\d)?| ")


@pytest.mark.exercise("1.3")
def test_split_drops_empty_matches():
    pieces = splitting.split("a12b", r"\d*")  # which also matches nothing, before and after the b
    checks.equal(pieces, ["a", "12", "b"], r"a12b cut by \d*")


@pytest.mark.exercise("1.3")
def test_split_keeps_every_space():
    pieces = splitting.split("a  b\n\n c ", GPT2_PATTERN)
    expected = ["a", " ", " b", "\n\n", " c", " "]
    checks.equal(pieces, expected, r"'a  b\n\n c ' cut as GPT-2 does")


@pytest.mark.exercise("1.3")
def test_split_as_gpt2_and_gpt4_do():
    text = "It's IT'SNOW[a] 12345.\n  if"
    gpt2 = ["It", "'s", " IT", "'", "SNOW", "[", "a", "]", " 12345", ".", "\n ", " if"]
    gpt4 = ["It", "'s", " IT", "'S", "NOW", "[a", "]", " ", "123", "45", ".\n", " ", " if"]
    checks.equal(splitting.split(text, GPT2_PATTERN), gpt2, f"{text!r} cut as GPT-2 does")
    checks.equal(splitting.split(text, GPT4_PATTERN), gpt4, f"{text!r} cut as GPT-4 does")


@pytest.mark.exercise("1.3")
@settings(max_examples=40)
@given(any_text)
def test_split_loses_nothing(text):
    for pattern in (GPT2_PATTERN, GPT4_PATTERN, r"(a|\s)+"):
        pieces = splitting.split(text, pattern)
        checks.law(all(pieces), f"no piece of {text!r} is empty", pieces)
        checks.equal("".join(pieces), text, f"the pieces of {text!r}, joined")
    for pattern in (GPT2_PATTERN, GPT4_PATTERN):  # these match everything
        expected = regex.findall(pattern, text)
        checks.equal(splitting.split(text, pattern), expected, f"{text!r} against findall")


# -- 1.3: special tokens ----------------------------------------------------------------------


@pytest.mark.exercise("1.3")
def test_specials_by_hand():
    pieces = splitting.split_specials("one<s>two<s>", ["<s>"])
    checks.equal(pieces, ["one", "<s>", "two", "<s>"], "one<s>two<s> cut at <s>")


@pytest.mark.exercise("1.3")
def test_specials_are_plain_strings():
    pieces = splitting.split_specials(f"a|b{END}c.d", [END])
    checks.equal(pieces, ["a|b", END, "c.d"], f"a|b{END}c.d cut at {END}")
    pieces = splitting.split_specials("x..y[b]z", ["..", "[b]"])
    checks.equal(pieces, ["x", "..", "y", "[b]", "z"], "x..y[b]z cut at .. and [b]")


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize("specials", [["<s>", "<s><s>", "<s>2"], ["<s>2", "<s><s>", "<s>"]])
def test_the_longest_special_wins(specials):
    pieces = splitting.split_specials("a<s>2<s><s>", specials)
    checks.equal(pieces, ["a", "<s>2", "<s><s>"], f"a<s>2<s><s> cut at {specials}")


@pytest.mark.exercise("1.3")
@pytest.mark.parametrize("specials", [["ab", "bcd"], ["bcd", "ab"]])
def test_the_leftmost_special_wins(specials):
    pieces = splitting.split_specials("abcd.bcd", specials)
    checks.equal(pieces, ["ab", "cd.", "bcd"], f"abcd.bcd cut at {specials}")


@pytest.mark.exercise("1.3")
def test_no_specials():
    checks.equal(splitting.split_specials("a|b", []), ["a|b"], "a|b cut at no special token")
    checks.equal(splitting.split_specials("", []), [], "the empty text cut at no special token")
    checks.equal(splitting.split_specials("", ["<s>"]), [], "the empty text cut at <s>")
    checks.equal(splitting.split_specials("a b", {"<s>": 7}), ["a b"], "a b cut at <s>, not there")
    checks.raises(lambda: splitting.split_specials("a", [""]), ValueError, "an empty special")


@pytest.mark.exercise("1.3")
def test_specials_leave_the_text_around_alone():
    pieces = splitting.split_specials(" \n<s>\n <S>", ["<s>"])
    checks.equal(pieces, [" \n", "<s>", "\n <S>"], r"' \n<s>\n <S>' cut at <s>")


def scan(text, specials):
    """Walk through the text; at each place the longest special that stands there is cut out."""
    pieces, ordinary, i = [], "", 0
    while i < len(text):
        here = max((s for s in specials if text.startswith(s, i)), key=len, default="")
        if here and ordinary:
            pieces.append(ordinary)
        pieces += [here] if here else []
        ordinary = "" if here else ordinary + text[i]
        i += len(here) or 1
    return pieces + ([ordinary] if ordinary else [])


@pytest.mark.exercise("1.3")
@settings(max_examples=60)
@given(st.text("ab|.", max_size=12), st.lists(st.text("ab|.", min_size=1, max_size=3), max_size=3))
def test_specials_match_a_scan(text, specials):
    pieces = splitting.split_specials(text, specials)
    checks.equal(pieces, scan(text, specials), f"{text!r} cut at {specials}")
