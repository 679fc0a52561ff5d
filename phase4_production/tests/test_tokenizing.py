import codecs
import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Engine
from tokenizers import decoders, models, normalizers

from phase4_production.project.tokenizing import Tokenizer
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


def test_what_is_missing_or_damaged_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"no tokenizer\.json"):
        Tokenizer.load(tmp_path, 10)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        Tokenizer.load(tmp_path, 10)
