"""Our tokenizers against tiktoken, tokenizers and transformers: the same ids, the same text."""

import itertools
import json
import os
import random
import unicodedata
from pathlib import Path

import pytest
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken_ext import openai_public
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

from phase1_transformers.project import formats
from phase1_transformers.solution import bpe
from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN, split
from phase1_transformers.solution.tokenizer import END
from phase1_transformers.solution.unigram import UnigramTokenizer
from shared import checks

HOSTILE = {
    "nothing": "",
    "NULs": "\0\0 \0a\0€\0",
    "CRLF": "one\r\ntwo\r\n\r\n  three\r \n",
    "runs of spaces": "   a    b\t\t\tc \u00a0\u2003 d" + " " * 40 + "e  ",
    "line ends": "\n\n\n\n x\n  \n",
    "families": "👩‍👩‍👧‍👦 👍🏽 🇪🇺 ❤️",
    "combining marks": "e\u0301\u0302\u0303 n\u0303 \u0301 Z̷̢͔a̴l̵g̷o",
    "one letter in two ways": "xn\u00e9 and xne\u0301",
    "many scripts": "日本語 한국어 العربية हिन्दी ไทย Ελληνικά עברית",
    "digits": "1234567890 ١٢٣٤ ⅷ ² 3.14159 1,000,000",
    "contractions": "don't DON'T we'LL they've 'tis ''s 'ſ I'M 'Snow (it)",
    "invisible": "\u200b\u200d\ufeff\u2028\u2029\u0085\u00ad",
    "above U+FFFF": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 🄰",
    "noncharacters": "\ufffe\uffff\U0010ffff\ufffd",
    "controls": "\x01\x1b[31m\x7f\x80\x9f\x1c\x1d\x1e\x1f",
    "code": "def f(x):\n\treturn {'a': x**2}  # 日\n\n\n        if x:\n",
    "specials": f"{END}a{END}{END}<|endoftext|<|user|> <|user|>s",
    "bytes' names": "<0x41><0x80> Ġ Ċ ĠĠ",
}
SPECIALS = (END, "<|user|>", "<|user|>s")
CORPUS = "It's 1813: a truth, universally acknowledged.\r\n  naïve 日本語 🙂 don't!\n\n" * 4
any_text = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=30)


def unigram():
    """Make a tokenizer that would rather take an unknown é, at -29.5, than an x and an né."""
    log_probs = {c: -3.0 - i / 8 for i, c in enumerate("abcdest \n'n日\0")}
    log_probs |= {"the": -2.5, " a": -3.5, "日本": -4.0, "\r\n": -6.0}
    log_probs |= {"xn": -3.0, "x": -19.0, "né": -19.5}
    ids = UnigramTokenizer(log_probs).vocab_size
    return UnigramTokenizer(log_probs, GPT4_PATTERN, {END: ids, "<|user|>": ids + 1})


TOKENIZERS = {
    "characters": lambda: CharTokenizer.train(CORPUS + "".join(HOSTILE.values()), SPECIALS),
    "BPE cut as GPT-2": lambda: BytePairTokenizer.train(CORPUS, 330, GPT2_PATTERN, SPECIALS),
    "BPE cut as GPT-4": lambda: BytePairTokenizer.train(CORPUS, 330, GPT4_PATTERN, SPECIALS),
    "unigram": unigram,
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def saved(request, tmp_path_factory):
    """Give one of our tokenizers and the folder that it was written to."""
    tokenizer = TOKENIZERS[request.param]()
    folder = tmp_path_factory.mktemp("tokenizer")
    formats.save_tokenizer(tokenizer, folder)
    return tokenizer, folder


def with_tiktoken(ours, pattern):
    """Give tiktoken the tokens of one of ours."""
    specials = set(ours.specials.values())
    ranks = {token: i for i, token in ours.vocab.items() if i not in specials}
    return tiktoken.Encoding(
        "test", pat_str=pattern, mergeable_ranks=ranks, special_tokens=ours.specials
    )


# -- tokenizer.json ---------------------------------------------------------------------------


def test_transformers_gives_the_same_ids(saved):
    ours, folder = saved
    theirs = AutoTokenizer.from_pretrained(folder)
    checks.equal(len(theirs), ours.vocab_size, "size of the vocabulary")
    for name, text in HOSTILE.items():
        ids = ours.encode(text, allowed_special=True)
        checks.equal(theirs(text)["input_ids"], ids, f"ids of {name}")
        checks.equal(theirs.decode(ids), text, f"text of {name}")
        checks.equal(ours.decode(ids), text, f"{name} there and back")


@pytest.mark.parametrize("model_type", ["gpt2", "llama", "qwen3"])
def test_transformers_gives_the_same_ids_beside_a_model(saved, model_type, tmp_path):
    ours, folder = saved
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    text = "".join(HOSTILE.values())
    expected = ours.encode(text, allowed_special=True)
    checks.equal(theirs(text)["input_ids"], expected, f"ids beside a model of type {model_type}")
    checks.equal(theirs.eos_token_id, ours.specials[END], "the token that ends a document")


def test_loading_gives_the_tokenizer_again(saved):
    ours, folder = saved
    loaded = formats.load_tokenizer(folder)
    checks.law(isinstance(loaded, type(ours)), "the kind of tokenizer is kept", type(loaded))
    check_same(loaded, ours)


def check_same(one, other):
    for name in ("vocab", "specials", "vocab_size"):
        checks.equal(getattr(one, name) == getattr(other, name), True, f"{name} is kept")
    for name in ("merges", "byte_ids", "pattern", "log_probs", "unknown"):
        same = getattr(one, name, None) == getattr(other, name, None)
        checks.equal(same, True, f"{name} is kept")


@settings(max_examples=50)
@given(any_text)
def test_tokenizers_gives_the_same_ids_of_any_text(saved, text):
    ours, folder = saved
    if isinstance(ours, CharTokenizer):
        text = "".join(character for character in text if character in ours.ids)
    theirs = library_tokenizer(folder)
    checks.equal(theirs.encode(text).ids, ours.encode(text, allowed_special=True), repr(text))


def library_tokenizer(folder, cache={}):  # noqa: B006
    """Open a folder with the tokenizers library, once."""
    if folder not in cache:
        cache[folder] = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return cache[folder]


def test_bytes_that_are_no_text_decode_alike(tmp_path):
    ours = BytePairTokenizer.train(CORPUS, 330)
    formats.save_tokenizer(ours, tmp_path)
    theirs = library_tokenizer(tmp_path)
    draw = random.Random(0)
    for _ in range(300):
        data = draw.choices([0x41, 0x80, 0xBF, 0xC3, 0xE2, 0x82, 0xED, 0xA0, 0xF0, 0x9F, 0xFF], k=9)
        expected = bytes(data).decode("utf-8", errors="replace")
        checks.equal(ours.decode(data), expected, f"text of {bytes(data)}")
        checks.equal(theirs.decode(data), expected, f"text of {bytes(data)} by the library")


# -- tiktoken ---------------------------------------------------------------------------------


def published_patterns():
    """Return tiktoken's own patterns, without its downloads."""
    before = openai_public.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = lambda *_, **__: {}
    try:
        cl100k = openai_public.cl100k_base()["pat_str"]
    finally:
        openai_public.load_tiktoken_bpe = before
    return {GPT2_PATTERN: openai_public.r50k_pat_str, GPT4_PATTERN: cl100k}


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, GPT4_PATTERN], ids=["gpt2", "gpt4"])
def test_tiktoken_gives_the_same_ids(pattern):
    ours = BytePairTokenizer.train(CORPUS, 330, pattern, SPECIALS)
    theirs = with_tiktoken(ours, published_patterns()[pattern])
    for name, text in HOSTILE.items():
        checks.equal(ours.encode(text), theirs.encode_ordinary(text), f"ids of {name}")


def mixed_texts():
    """Draw texts of all kinds of characters, with many of those that the patterns name.

    They end in a letter: spaces and line ends at the very end are where tiktoken's later version
    of GPT-4's pattern differs from the first one.
    """
    draw = random.Random(0)
    # A character younger than Python's tables may be younger than another library's, too.
    known = [c for c in map(chr, range(0x20000)) if unicodedata.category(c) not in ("Cn", "Cs")]
    for _ in range(300):
        text = draw.choices(known, k=10) + draw.choices("'   \n\r\t1aSs(", k=20)
        yield "".join(draw.sample(text, len(text))) + "z"


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, GPT4_PATTERN], ids=["gpt2", "gpt4"])
def test_pre_tokens_are_cut_alike(pattern):
    # Any two bytes merge here, so that the ids show where tiktoken cuts.
    ours = BytePairTokenizer(itertools.product(range(256), repeat=2), pattern)
    tiktokens = with_tiktoken(ours, published_patterns()[pattern])
    library = pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
    for text in [*HOSTILE.values(), *mixed_texts()]:
        expected = [piece for piece, _ in library.pre_tokenize_str(text)]
        checks.equal(split(text, pattern), expected, f"pre-tokens of {text!r}")
        expected = tiktokens.encode_ordinary(text)
        checks.equal(ours.encode(text), expected, f"ids of {text!r} where any two bytes merge")


def test_tiktoken_treats_specials_alike():
    ours = BytePairTokenizer.train(CORPUS, 300, specials=(END, "<|user|>"))
    theirs = with_tiktoken(ours, GPT4_PATTERN)
    text = f"It's {END}<|user|>a{END}\n<|endoftext|"
    expected = theirs.encode(text, allowed_special="all")
    checks.equal(ours.encode(text, allowed_special=True), expected, "ids with special tokens")
    expected = theirs.encode(text, disallowed_special=())
    checks.equal(ours.encode(text), expected, "ids without special tokens")


@pytest.mark.parametrize("character", ["a", " ", "\n", "日"])
def test_a_million_bytes_of_one_character(character):
    ours = BytePairTokenizer.train("".join(c * 40 for c in "a \n日"), 300, GPT2_PATTERN)
    text = character * (1_000_000 // len(character.encode()))
    theirs = with_tiktoken(ours, published_patterns()[GPT2_PATTERN])
    same = ours.encode(text) == theirs.encode_ordinary(text)
    checks.equal(same, True, f"same ids of a million bytes of {character!r}")


# -- training, as the library trains ----------------------------------------------------------


def test_tokenizers_learns_the_same_merges():
    # The library breaks ties by the order of its byte characters, in which the visible ASCII
    # characters keep their order; so the text has no others.
    text = CORPUS.encode("ascii", "ignore").decode().replace(" ", "_").replace("\r\n", "!")
    text = text.replace("\n", "?") + "she_sells_sea_shells_aaaa_aaaaa_bananas"
    pattern = r"_?[a-zA-Z]+|[^a-zA-Z]"
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
    n_merges = 50
    trainer = trainers.BpeTrainer(vocab_size=len(set(text)) + n_merges, show_progress=False)
    theirs.train_from_iterator([text], trainer)
    learned = json.loads(theirs.to_str())["model"]["merges"]
    merges = bpe.train(text, 256 + n_merges, pattern)
    vocab = bpe.vocabulary(merges)
    spelled = [[vocab[left].decode(), vocab[right].decode()] for left, right in merges]
    checks.equal(len(learned), n_merges, "number of merges")
    checks.equal(spelled, learned, "merges")


# -- GPT-2's own files ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gpt2_folder():
    root = os.environ.get("COURSE_DATA")
    if not root or not (Path(root) / "gpt2" / "vocab.json").is_file():
        pytest.skip("needs GPT-2's vocab.json and merges.txt in $COURSE_DATA/gpt2")
    return Path(root) / "gpt2"


def test_gpt2_gives_tiktokens_ids(gpt2_folder):
    fast = formats.load_tokenizer(gpt2_folder)
    ours = BytePairTokenizer(fast.merges, fast.pattern, fast.specials, fast.byte_ids)
    checks.equal(ours.vocab_size, 50257, "size of GPT-2's vocabulary")
    checks.equal(ours.specials, {END: 50256}, "GPT-2's special token")
    checks.equal(ours.encode("Hello world"), [15496, 995], "ids of Hello world")
    theirs = with_tiktoken(ours, openai_public.r50k_pat_str)
    for name, text in HOSTILE.items():
        checks.equal(ours.encode(text), theirs.encode_ordinary(text), f"ids of {name}")
        checks.equal(fast.encode(text), theirs.encode_ordinary(text), f"ids of {name}, fast")
    for character in "a \n日":
        text = character * (1_000_000 // len(character.encode()))
        same = ours.encode(text) == theirs.encode_ordinary(text)
        checks.equal(same, True, f"same ids of a million bytes of {character!r}")


def test_gpt2_gives_transformers_ids(gpt2_folder, tmp_path):
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_bytes((gpt2_folder / name).read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    ours = formats.load_tokenizer(gpt2_folder)
    formats.save_tokenizer(ours, tmp_path / "saved")
    saved = AutoTokenizer.from_pretrained(tmp_path / "saved")
    for name, text in HOSTILE.items():
        ids = ours.encode(text, allowed_special=True)
        checks.equal(theirs(text)["input_ids"], ids, f"ids of {name}")
        checks.equal(theirs.decode(ids), ours.decode(ids), f"text of {name}")
        checks.equal(saved(text)["input_ids"], ids, f"ids of {name}, from our tokenizer.json")
    theirs.save_pretrained(tmp_path / "converted")
    again = formats.load_tokenizer(tmp_path / "converted")
    check_same(again, ours)


def write_gpt2(folder, merges=("a b", "ab Ġ"), vocab=None):
    """Write two files as GPT-2's, of 256 bytes in its order, some merges, and one special."""
    names = sorted(formats.byte_characters()) + [merge.replace(" ", "") for merge in merges]
    vocab = vocab or {name: i for i, name in enumerate([*names, END])}
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    lines = "\n".join(["#version: 0.2", *merges, ""])
    (folder / "merges.txt").write_text(lines, encoding="utf-8")


def test_small_files_like_gpt2s(tmp_path):
    write_gpt2(tmp_path)
    ours = formats.load_tokenizer(tmp_path)
    checks.equal(ours.vocab_size, 259, "size of a vocabulary of two merges and a special token")
    checks.equal(ours.vocab[257], b"ab ", "bytes of the second merge")
    checks.equal(ours.decode([257, 258]), f"ab {END}", "text of that and the special token")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    for name, text in HOSTILE.items():
        ids = ours.encode(text, allowed_special=True)
        checks.equal(theirs(text)["input_ids"], ids, f"ids of {name}")


def test_a_byte_has_one_visible_character():
    names = formats.byte_characters()
    checks.equal(sorted(names), sorted(pre_tokenizers.ByteLevel.alphabet()), "the characters")
    checks.equal([names[0x20], names[0x0A], names[0x41]], ["Ġ", "Ċ", "A"], "space, line end, A")


# -- what cannot be read or written -----------------------------------------------------------


def test_broken_gpt2_files_are_refused_in_one_line(tmp_path):
    refuse = lambda match: refused(lambda: formats.load_tokenizer(tmp_path), match)  # noqa: E731
    refuse("no tokenizer.json")
    (tmp_path / "vocab.json").write_text("{}")
    refuse("merges.txt is missing")
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    refuse("bytes have no token")
    (tmp_path / "vocab.json").write_text("{")
    refuse("does not hold")
    vocab = {name: i for i, name in enumerate(formats.byte_characters())}
    write_gpt2(tmp_path, ["a b"], vocab | {"ab": 300})
    refuse("makes 300, not 256")


def test_other_kinds_are_refused_in_one_line(tmp_path):
    def refuse(match, **parts):
        library = tokenizers.Tokenizer(parts.pop("model", models.BPE()))
        for name, part in parts.items():
            setattr(library, name, part)
        library.save(str(tmp_path / "tokenizer.json"))
        refused(lambda: formats.load_tokenizer(tmp_path), match)

    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False)
    refuse("WordPiece", model=models.WordPiece({"a": 0}, unk_token="a"))
    refuse("changes the text", normalizer=normalizers.NFC())
    refuse("pre-tokens", pre_tokenizer=pre_tokenizers.Whitespace())
    refuse("pre-tokens", pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True))
    refuse("pre-tokens", model=models.Unigram([("a", -1.0)], unk_id=0))
    refuse("bytes have no token", pre_tokenizer=as_bytes)
    refuse("dropout", model=models.BPE(dropout=0.1), pre_tokenizer=as_bytes)
    refuse("pre-tokens", model=models.WordLevel({"a": 0}), pre_tokenizer=as_bytes)
    (tmp_path / "tokenizer.json").write_text('{"model":')
    refused(lambda: formats.load_tokenizer(tmp_path), "no tokenizer.json")


def refused(call, match):
    error = checks.raises(call, ValueError, f"refusing what {match}", match)
    checks.law("\n" not in str(error), "the refusal is one line", str(error))


def test_a_tokenizer_trained_by_the_library_can_be_read(tmp_path):
    library = tokenizers.Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=[END, "<|user|>"], initial_alphabet=alphabet
    )
    library.train_from_iterator([CORPUS], trainer)  # special tokens have the ids 0 and 1 there
    library.save(str(tmp_path / "tokenizer.json"))
    ours = formats.load_tokenizer(tmp_path)
    checks.equal(ours.specials, {END: 0, "<|user|>": 1}, "special tokens before the bytes")
    for name, text in HOSTILE.items():
        ids = ours.encode(text, allowed_special=True)
        checks.equal(library.encode(text).ids, ids, f"ids of {name}")
    formats.save_tokenizer(ours, tmp_path / "again")
    again = formats.load_tokenizer(tmp_path / "again")
    check_same(again, ours)


def test_what_the_format_cannot_say_is_refused(tmp_path):
    clash = BytePairTokenizer([], specials={"Ġ": 256})
    refused(lambda: formats.save_tokenizer(clash, tmp_path), "'Ġ' is the name")
    gap = unigram()
    gap.specials = {END: gap.vocab_size + 5}
    refused(lambda: formats.save_tokenizer(gap, tmp_path), "cannot give")
    whole = UnigramTokenizer({"a": -1.0}, r"\S+")
    refused(lambda: formats.save_tokenizer(whole, tmp_path), "<0x00>")
    refused(lambda: formats.save_tokenizer("abc", tmp_path), "no format")
    checks.equal(list(tmp_path.iterdir()), [], "nothing was written")
