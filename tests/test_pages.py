"""The pages that programs write: everything in one file, everything escaped."""

import re

import pytest

from shared.pages import Figure, Quote, Stage, write_page


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture, but bytes")
    return Stage(
        title="A <stage>",
        headline="It is 12 % & more",
        paragraphs=["It ran."],
        figures=[
            Figure(tmp_path / "a.png", "One <pixel>", "You see 1 < 2."),
            Quote("to be\n  or <not>", "A sample", "What it wrote & how."),
        ],
        numbers={"speed": "3 m/s"},
        next_step="make x",
    )


def write(stage, tmp_path):
    path = write_page(tmp_path / "new" / "index.html", "look", stage=stage)
    return path.read_text(encoding="utf-8")


def test_a_page_says_and_shows_its_stage(stage, tmp_path):
    page = write(stage, tmp_path)
    for text in ("<title>A &lt;stage&gt;", "12 % &amp; more", "It ran.", "3 m/s", "make x"):
        assert text in page
    assert page.index("1 &lt; 2") < page.index("What it wrote &amp; how.")


def test_a_quote_keeps_its_lines_and_spaces(stage, tmp_path):
    assert "<pre>to be\n  or &lt;not&gt;</pre>" in write(stage, tmp_path)


def test_a_page_fetches_nothing(stage, tmp_path):
    page = write(stage, tmp_path)
    assert page.count("data:image/png;base64,") == page.count("<img") == 1
    assert "://" not in page
    assert not re.search(r"<script|@import|url\(|<link[^>]+href=\"(?!data:)", page)


def test_a_template_that_asks_for_more_is_an_error(tmp_path):
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        write_page(tmp_path / "index.html", "look")
