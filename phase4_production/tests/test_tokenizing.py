import codecs
import json
import shutil
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Engine

from phase4_production.project.tokenizing import SHRINK, Tokenizer
from phase4_production.tests import tiny_models

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}\n"
    "  {% if message['role'] == 'system' and not loop.first %}\n"
    "    {{ raise_exception('the system speaks first') }}\n"
    "  {% endif %}\n"
    "{{ message['role'] | capitalize + ':\\n' }}"
    "{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:\\n' }}{% endif %}"
)
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Grüße, 世界 🌍"},
]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    made = tiny_models.tokenizer(TEMPLATE)
    made.bos_token = "<|endoftext|>"
    folder = tmp_path_factory.mktemp("tokenizer")
    made.save_pretrained(folder)
    return made, folder


@pytest.fixture(scope="module")
def ours(theirs):
    return Tokenizer.load(theirs[1], tiny_models.VOCAB)


@settings(deadline=None, max_examples=50)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_text_there_and_back(ours, theirs, text):
    ids = ours.encode(text)
    assert ids == theirs[0](text)["input_ids"]
    assert ours.decode(ids) == text
    assert b"".join(map(ours.bytes_of, ids)) == text.encode()


def test_a_token_may_be_part_of_a_character(ours):
    ids = ours.encode("🌍")
    assert len(ids) == 4
    decoder = codecs.getincrementaldecoder("utf-8")()
    assert [decoder.decode(ours.bytes_of(i)) for i in ids] == ["", "", "", "🌍"]
    assert ours.text_of(ids[0]) == "\ufffd"


def test_special_tokens_end_a_text_and_add_nothing_to_it(ours):
    assert ours.eos_ids == {tiny_models.END}
    assert ours.bytes_of(tiny_models.END) == b""
    assert ours.text_of(tiny_models.END) == "<|endoftext|>"


def test_a_conversation_is_as_transformers_renders_it(ours, theirs):
    expected = theirs[0].apply_chat_template(TALK, add_generation_prompt=True)["input_ids"]
    assert ours.has_chat
    assert ours.chat(TALK) == expected


def test_a_template_may_refuse(ours):
    with pytest.raises(ValueError, match="refuses this: the system speaks first"):
        ours.chat(TALK[::-1])


def test_a_template_reaches_nothing_else(ours):
    evil = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(ValueError, match="refuses this"):
        Tokenizer(ours.engine, 257, (), evil).chat(TALK)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ messages + 1 }}", "TypeError: can only concatenate"),
        ("{{ 1 / (messages | length - 2) }}", "ZeroDivisionError: "),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "OverflowError: Range too big"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError: "),
        ("{{ no_function() }}", "'no_function' is undefined"),
        ("{{ messages[0].content.missing.deeper }}", "has no attribute 'missing'"),
        ("{{ raise_exception('two\nlines') }}", "two lines"),
        ("{{ '\\ud800' }}", "surrogates not allowed"),
        ("{% for i in range(99999) %}{{ 'a' * 99999 }}{% endfor %}", "more than 16,777,216"),
    ],
)
def test_a_template_that_fails_refuses_in_one_line(ours, template, message):
    with pytest.raises(ValueError, match="the model's chat template refuses this: ") as caught:
        Tokenizer(ours.engine, 257, (), template).chat(TALK)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a\n{% for %}", r"Expected an expression, got 'end of statement block', line 2$"),
        ("{{ 'a' | nothing }}", "No filter named 'nothing'"),
        ("{{" + "(" * 9_999, "RecursionError"),
        (3, "Can't compile non template nodes"),
        (b"\xff", "can't decode byte 0xff"),
    ],
)
def test_a_template_that_cannot_be_read_is_told_when_it_is_loaded(
    theirs, template, message, tmp_path
):
    folder = shutil.copytree(theirs[1], tmp_path / "tiny")
    if isinstance(template, bytes):
        (folder / "chat_template.jinja").write_bytes(template)
    else:
        (folder / "chat_template.jinja").unlink()
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    with pytest.raises(
        ValueError, match=f"the chat template of .*tiny cannot be read: .*{message}"
    ) as caught:
        Tokenizer.load(folder, tiny_models.VOCAB)
    assert "\n" not in str(caught.value)


def test_without_a_template_there_is_no_chat(tmp_path):
    tiny_models.tokenizer().save_pretrained(tmp_path)
    plain = Tokenizer.load(tmp_path, tiny_models.VOCAB)
    assert not plain.has_chat
    with pytest.raises(ValueError, match="no chat template"):
        plain.chat(TALK)


def test_sentencepiece_spells_bytes_and_spaces_its_own_way():
    pieces = ["<unk>", "<0xC3>", "<0xBC>", "▁a", "b"]
    engine = Engine(models.BPE({p: i for i, p in enumerate(pieces)}, [], byte_fallback=True))
    engine.normalizer = normalizers.Replace(" ", "▁")
    engine.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    ours = Tokenizer(engine, len(pieces), ())
    assert ours.decode([3, 1, 2, 4]) == " aüb"


# -- how short a text can become ------------------------------------------------------------------


@settings(deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@pytest.mark.parametrize("normalizer", [None, normalizers.NFC()])
def test_no_text_has_fewer_tokens_than_its_length_says(theirs, normalizer, text):
    engine = Engine.from_str(theirs[0].backend_tokenizer.to_str())
    engine.normalizer = normalizer
    ours = Tokenizer(engine, tiny_models.VOCAB, ())
    for repeated in (text, text * 20, "<|endoftext|>" * len(text)):
        assert ours.fewest(repeated) <= len(ours.encode(repeated, special=False))
    assert ours.fewest("x" * 13_000) == (1000 if normalizer is None else 250)


def test_composition_makes_one_byte_of_four_at_most():
    """Of each composed character: its parts, each in the longest way that it can be written."""
    characters = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000]
    longest = {}
    for one in characters:
        parts = unicodedata.normalize("NFD", one)
        longest[parts] = max(longest.get(parts, 0), len(one.encode()))
    for one in characters:
        if unicodedata.normalize("NFC", one) == one:
            parts = unicodedata.normalize("NFD", one)
            written = sum(longest[part] for part in parts)
            assert written <= SHRINK * len(one.encode()), hex(ord(one))


@pytest.mark.parametrize(
    "change",
    [
        lambda engine: setattr(engine, "normalizer", normalizers.Lowercase()),
        lambda engine: setattr(engine, "pre_tokenizer", pre_tokenizers.Whitespace()),
        lambda engine: setattr(
            engine,
            "pre_tokenizer",
            pre_tokenizers.Sequence(
                [
                    pre_tokenizers.ByteLevel(),
                    *[pre_tokenizers.Digits()] * 9,
                    pre_tokenizers.Split("x", "removed"),
                ]
            ),
        ),
        lambda engine: setattr(engine, "model", models.BPE({"a": 0}, [])),
        lambda engine: engine.add_special_tokens([AddedToken("<s>", rstrip=True)]),
    ],
)
def test_where_text_is_left_out_its_length_says_nothing(theirs, change):
    engine = Engine.from_str(theirs[0].backend_tokenizer.to_str())
    change(engine)
    assert Tokenizer(engine, tiny_models.VOCAB, ()).fewest("x" * 13_000) == 0


def test_no_prompt_loses_its_end(theirs):
    engine = Engine.from_str(theirs[0].backend_tokenizer.to_str())
    engine.enable_truncation(3)
    assert len(Tokenizer(engine, tiny_models.VOCAB, ()).encode("Once upon")) == 9


# -- what cannot be read --------------------------------------------------------------------------


def test_what_is_missing_or_damaged_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"no tokenizer\.json"):
        Tokenizer.load(tmp_path, 10)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        Tokenizer.load(tmp_path, 10)
