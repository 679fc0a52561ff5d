"""What the README and the lessons tell a reader to type, click or look at is there."""

import importlib.util
import re
from pathlib import Path

import pytest

from shared import course

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("phase*_*/README.md"))]
ONE_PHASE = "0"  # stands for N in `make phaseN-test`


@pytest.fixture(params=PAGES, ids=lambda page: page.parent.name)
def page(request):
    return request.param


def commands(text: str, start: str) -> list[str]:
    """Every command of a page: in code spans, and at the start of lines in code blocks."""
    spans = re.findall(rf"`({start}[^`\n]*)`", text)
    lines = re.findall(rf"^(?:\$ )?({start}[^#\n]*)", text, re.MULTILINE)
    return [command.strip() for command in (*spans, *lines)]


def test_every_make_verb_is_known(page):
    for command in commands(page.read_text(encoding="utf-8"), "make "):
        words = command.replace("phaseN", f"phase{ONE_PHASE}").replace("EX=...", "EX=0.1").split()
        course.parse([word for word in words[1:] if not word.endswith("=")])


def test_every_program_exists(page):
    for command in commands(page.read_text(encoding="utf-8"), "python -m "):
        module = command.split()[2]
        assert importlib.util.find_spec(module), command


def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_has_no_gaps():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.findall(r"^[A-Z]{4,}$|<!--", text, re.MULTILINE)
