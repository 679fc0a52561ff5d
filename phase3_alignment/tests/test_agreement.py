"""Agreement with people: pairs and opinions that can be counted by hand."""

import math

import pytest

from phase3_alignment.project import agreement, corpora
from phase3_alignment.project.agreement import FIRST, LONGER, ONE_ORDER, OURS, People
from phase3_alignment.project.feedback import Opinion, Panel
from phase3_alignment.project.records import Corpus, Pair, held_out
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.constitution import Principle
from shared import checks

ASKED = (Message("user", "Why?"),)
PAIRS = [Pair(ASKED, *both) for both in (("long one", "no"), ("yes", "longer"), ("abc", "xyz"))]
PEOPLE = People(PAIRS, "made up", True)


def row(chosen_first, preference, as_a):
    return {"chosen_first": chosen_first, "preference": preference, "as_a": as_a}


def test_agreement_by_hand():
    """Right, wrong, right by both orders; right, right, wrong by one."""
    rows = [row(True, 0.8, 0.9), row(False, 0.7, 0.4), row(False, 0.4, 0.6)]
    found = agreement.measure(PEOPLE, rows, reads_order=True)
    shares = {name: report.accuracy for name, report in found.reports.items()}
    expected = {OURS: 2 / 3, ONE_ORDER: 2 / 3, LONGER: 1.5 / 3, FIRST: 1 / 3}
    checks.equal(list(shares), list(expected), "who is compared")
    for name, share in expected.items():
        checks.close(shares[name], share, f"agreement of {name!r}")
    # 80 % sure and right, 70 % sure and wrong, 60 % sure and right, each in a bin of its own.
    ours = found.reports[OURS]
    checks.close(ours.calibration_error, (0.2 + 0.7 + 0.4) / 3, "calibration error")
    checks.equal([b.n for b in ours.bins], [1, 1, 1], "pairs in the bins")
    # "A" with 0.9 and 0.3; 0.4 and 0.0; 0.6 and 0.8.
    checks.close(found.says_a, (1.2 + 0.4 + 1.4) / 6, 'probability of "A"')
    checks.close(found.contradicts_itself, 2 / 3, "the second and the third turn around")
    bias = ours.length_bias
    checks.equal((bias.longer_is_better, bias.longer_is_worse), (1.0, 0.0), "by length")


def test_a_rule_is_always_sure():
    found = agreement.measure(PEOPLE, [row(True, 0.5, 0.5)] * 3, reads_order=False)
    assert ONE_ORDER not in found.reports
    for name in (LONGER, FIRST):
        report = found.reports[name]
        assert all(b.confidence in (0.5, 1.0) for b in report.bins), name
    checks.equal(found.reports[FIRST].accuracy, 1.0, "always A, and A was always chosen")
    checks.equal(found.reports[OURS].accuracy, 0.5, "without an opinion")
    checks.equal(found.reports[OURS].calibration_error, 0.0, "and without a claim")


def test_certainty_has_an_end():
    found = agreement.measure(PEOPLE, [row(True, 1.0, 1.0)] * 3, reads_order=True)
    assert all(math.isfinite(report.calibration_error) for report in found.reports.values())
    assert math.isfinite(found.reports[OURS].length_bias.scores)
    checks.close(found.reports[OURS].bins[0].confidence, 1.0, "confidence")


def test_pairs_that_were_not_read_do_not_count():
    rows = [row(True, 0.8, 0.8), {"chosen_first": True, "too_long": "900 tokens"}, row(True, 0, 0)]
    found = agreement.measure(PEOPLE, rows, reads_order=True)
    checks.equal((found.n_skipped, found.reports[OURS].n), (1, 2), "skipped and read")
    assert agreement.measure(PEOPLE, rows[1:2] * 3, reads_order=True) is None
    assert "can read none" in agreement.table({}, None)


class Alphabet:
    """A judge that prefers what comes first in the dictionary, and keeps what it was shown."""

    source, writes = "an alphabet", True

    def __init__(self):
        self.shown = []

    def compare(self, question, one, other, principles):
        self.shown.append((question.text, one, other))
        share = 0.9 if one < other else 0.1
        return Opinion(share, share)


def test_the_judge_is_not_told_whom_people_preferred(tmp_path):
    pairs = [Pair((Message("user", f"{i}?"),), "a", "b") for i in range(60)]
    judge = Alphabet()
    panel = Panel(judge, [Principle("x", "c", "r", "p")], 0)
    rows = agreement.ask(panel, pairs, 1, tmp_path / "a.jsonl")
    first = sum(one == "a" for _, one, _ in judge.shown)
    assert 15 < first < 45, "shown first about as often as not"
    found = agreement.measure(People(pairs, "", True), rows, reads_order=True)
    checks.equal(found.reports[OURS].accuracy, 1.0, "right whatever stands first")
    checks.close(found.reports[FIRST].accuracy, first / 60, "always A is right when a is A")
    checks.equal(judge.shown[3][0], "3?", "the question")


def test_nobody_is_tested_on_what_a_judge_may_have_learnt(monkeypatch):
    """The hub's test part is the file of $COURSE_DATA, of which a judge learns from 4/5."""
    published = [Pair((Message("user", f"{i}?"),), "a", "b") for i in range(500)]
    learnt, unseen = held_out(published, 0.2)
    for corpus in (Corpus(learnt, unseen, "a folder"), Corpus((), tuple(published), "the hub")):
        monkeypatch.setattr(corpora, "load", lambda name, corpus=corpus: corpus)
        people = agreement.human_pairs(1000)
        checks.equal(people.pairs, list(unseen), f"pairs of {corpus.source}")
        assert people.are_people
    checks.equal(len(agreement.human_pairs(7).pairs), 7, "pairs at most")


def test_the_embedded_pairs_are_not_called_people_s(monkeypatch, capsys):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(corpora, "hub_answers", lambda: False)
    people = agreement.human_pairs(5)
    assert not people.are_people
    assert "no hh-rlhf in $COURSE_DATA or on the hub, so the default" in capsys.readouterr().out
    rows = [row(True, 0.8, 0.8)] * 5
    said = agreement.table({}, agreement.measure(people, rows, reads_order=False))
    assert "nobody preferred" in said


@pytest.mark.parametrize("reads_order", [True, False])
def test_a_figure(tmp_path, reads_order):
    rows = [row(True, 0.8, 0.9), row(False, 0.7, 0.4), row(False, 0.4, 0.6)]
    found = agreement.measure(PEOPLE, rows, reads_order=reads_order)
    path = agreement.draw(found, tmp_path / "agreement.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_numbers_of_a_run():
    answers = [{"ended": [True, False]}, {"ended": [True, True]}]
    step = {"principle": "x", "critique": "c"}
    revisions = [
        {"steps": [step | {"answer": "a b", "revision": "a b"}], "preference": 0.5},
        {"steps": [step | {"answer": "a b c d", "revision": "e"}] * 2, "preference": 0.9},
        {"steps": [], "too_long": "900 tokens"},
    ]
    labels = [
        {"one": "long one", "other": "no", "preference": 0.9},
        {"one": "abc", "other": "xyz", "preference": 0.6},
        {"one": "a", "other": "longer", "preference": 0.7},
        {"one": "a", "other": "b", "too_long": "900 tokens"},
    ]
    found = agreement.numbers(answers, revisions, labels)
    expected = {
        "answers that come to an end": 0.75,
        "drafts mended": 2,
        "too long for the feedback": 1,
        "another text in the draft's place": 0.5,
        "words of a draft": 3.0,
        "words of what replaced it": 1.5,
        "better, says the feedback": 0.7,
        "pairs labelled": 3,
        "probability of the preferred one": (0.9 + 0.6 + 0.7) / 3,
        "labels for the longer answer": 0.5,
    }
    checks.equal(list(found), list(expected), "names")
    for name, value in expected.items():
        checks.close(found[name], value, name)
    assert agreement.numbers(answers, [], [])["words of a draft"] is None
    assert "cut off" not in agreement.table(found, None)
    cut = agreement.numbers([{"ended": [True, False, False]}], revisions, labels)
    assert "most answers were cut off" in agreement.table(cut, None)
