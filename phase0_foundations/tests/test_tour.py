"""The tour: one page that needs nothing else, whatever happens to its stages."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from phase0_foundations.project import captions, tour
from phase0_foundations.project.record import read_record
from phase0_foundations.tests.test_train import TINY, make_digits
from shared import tour as pages
from shared.syllabus import Phase

ROOT = Path(__file__).resolve().parents[2]
PIXEL = bytes.fromhex(  # a PNG of one pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


class Resources(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        wanted = [v for k, v in attrs if k in ("src", "href", "srcset", "data", "poster")]
        self.found += [(tag, value) for value in wanted]


def resources(page):
    parser = Resources()
    parser.feed(page)
    return parser.found


def assert_self_contained(page):
    assert all(value.startswith("data:") for _, value in resources(page))
    assert "<script" not in page
    assert not re.search(r"@import|url\(", page)


STAGE = """
from shared.pages import Figure, Stage
def stage(folder):
    (folder / "a.png").write_bytes(bytes.fromhex({png!r}))
    figure = Figure(folder / "a.png", "One <pixel>", "You see 1 < 2 & nothing more.")
    return Stage("A stage", "accuracy 12 %", ["It ran."], [figure], {{"speed": "3 m/s"}}, "make x")
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two phases, the first with a stage."""
    for number, name in enumerate(("phase7_first", "phase8_second")):
        project = tmp_path / name / "project"
        project.mkdir(parents=True)
        (tmp_path / name / "course.toml").write_text(
            f'[phase]\nnumber = {7 + number}\ntitle = "{name}"\ngoal = "none"\n'
        )
        for folder in (project.parent, project):
            (folder / "__init__.py").touch()
    (tmp_path / "phase7_first" / "project" / "tour.py").write_text(STAGE.format(png=PIXEL.hex()))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("phase7", "phase8"))]:
        del sys.modules[name]


def add_stage(course, body):
    (course / "phase8_second" / "project" / "tour.py").write_text(
        f"def stage(folder):\n    {body}\n"
    )


def run(course):
    code = pages.main(root=course, out=course / "out")
    return code, (course / "out" / "index.html").read_text(encoding="utf-8")


def test_the_page_holds_everything_in_itself(course, capsys):
    code, page = run(course)
    assert code == 0
    assert_self_contained(page)
    assert [tag for tag, _ in resources(page)] == ["link", "img"]
    for text in ("accuracy 12 %", "3 m/s", "One &lt;pixel&gt;", "1 &lt; 2 &amp; nothing", "make x"):
        assert text in page
    out = capsys.readouterr().out
    assert "accuracy 12 %" in out
    assert str(course / "out" / "index.html") in out


def test_a_failing_stage_leaves_the_others_and_a_note(course, capsys):
    add_stage(course, "raise RuntimeError('the disk is <full>')")
    code, page = run(course)
    assert code == 1
    assert "accuracy 12 %" in page
    assert "RuntimeError: the disk is &lt;full&gt;" in page
    assert "failed: RuntimeError" in capsys.readouterr().out


def test_ctrl_c_keeps_what_was_ready(course):
    add_stage(course, "raise KeyboardInterrupt")
    code, page = run(course)
    assert code == 130
    assert "accuracy 12 %" in page
    assert "stopped with Ctrl-C" in page


def test_no_stage_at_all_is_no_error(course):
    (course / "phase7_first" / "project" / "tour.py").unlink()
    assert pages.main(root=course, out=course / "out") == 0


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tour")
    return folder, tour.show(folder, TINY, moon_steps=3, digits=make_digits())


def test_the_stage_of_phase_0_makes_a_page(stage, tmp_path):
    _, shown = stage
    phase = Phase(folder=ROOT / "phase0_foundations", number=0, title="Foundations", goal="")
    page = pages.Page(tmp_path / "index.html", [pages.Section(phase, "the solution's", 1.0, shown)])
    page.write()
    text = page.path.read_text(encoding="utf-8")
    assert_self_contained(text)
    assert len(shown.figures) == text.count("<figure>") == 6
    assert text.count("data:image/png;base64,") == 6
    assert "test accuracy" in shown.headline
    assert "make phase0-test" in text


def test_captions_carry_the_numbers_of_the_run(stage):
    folder, shown = stage
    record = read_record(folder / "phase0" / "a", make_digits())
    by_title = {figure.title: figure.caption for figure in shown.figures}
    wrong = int(record.confusion.sum() - record.confusion.trace())
    confusion = by_title["What it confuses"]
    assert "Not one" in confusion if wrong == 0 else f"{wrong} w" in confusion
    assert f"{record.steps[0]['loss']:.2f}" in by_title["How it learned"]
    assert all(len(caption) > 100 for caption in by_title.values())


def test_dead_units_are_named(stage):
    folder, _ = stage
    record = read_record(folder / "phase0" / "a", make_digits())
    layer = record.model.layers[0]
    layer.weight.data[:, 5], layer.bias.data[5] = -1.0, -1.0
    told = captions.dead_units(record)
    dead = [int(unit) for unit in record.after.dead_units()[0]]
    assert 5 in dead
    assert f"{len(dead)} of 32 (number {', '.join(map(str, dead[:12]))}" in told


def test_the_template_is_packaged_with_the_code():
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'shared = ["templates/*.j2"]' in settings
    assert (ROOT / "shared" / "templates" / "tour.html.j2").is_file()
