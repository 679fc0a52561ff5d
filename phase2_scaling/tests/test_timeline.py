"""The timeline and the benchmark of pipelines: shares by hand, and a real run with a clock."""

import json

import pytest

from phase2_scaling.project import bench_pipeline, clocked, timeline
from phase2_scaling.project.clocked import Span
from phase2_scaling.solution.schedules import Action, one_f_one_b
from shared import checks

# Two stages, two micro-batches, t_f = t_b = 1: (m + p - 1) * 2 = 6, of which each works for 4.
BY_HAND = [
    [("F0", 0), ("F1", 1), ("B0", 3), ("B1", 5)],
    [("F0", 1), ("B0", 2), ("F1", 3), ("B1", 4)],
]
KINDS = {"F": "forward", "B": "backward"}


def spans():
    return [
        [Span(Action(KINDS[name[0]], int(name[1:])), t, t + 1) for name, t in stage]
        for stage in BY_HAND
    ]


def test_the_bubble_by_hand():
    checks.close(clocked.idle_share(spans()), 1 / 3, "share of idle time")
    checks.close(timeline.formula(spans()), 1 / 3, "formula")
    assert [timeline.most_held(stage) for stage in spans()] == [2, 1]


def test_it_is_told_and_drawn(tmp_path):
    told = timeline.report({"1f1b": spans()})
    assert told.splitlines()[1] == "1F1B       6000 ms     33.3%     33.3%  2 1"
    path = timeline.write_timeline({"gpipe": spans(), "1f1b": spans()}, tmp_path / "t.png")
    assert path.stat().st_size > 10_000


def test_a_real_step_by_the_clock():
    found = clocked.run(2, 3, one_f_one_b, computing=False)
    for stage, stage_spans in enumerate(found):
        assert [span.action for span in stage_spans] == one_f_one_b(2, 3, stage)
        for span in stage_spans:
            forward = span.action.kind == "forward"
            least = clocked.FORWARD_S if forward else clocked.BACKWARD_S
            checks.at_least(span.seconds, least, f"seconds of {span.action}")
    ends = [{str(span.action): span for span in stage} for stage in found]
    for i in range(3):  # what is sent arrives before it is used
        checks.at_least(ends[1][f"F{i}"].began, ends[0][f"F{i}"].ended, f"begin of F{i}")
        checks.at_least(ends[0][f"B{i}"].began, ends[1][f"B{i}"].ended, f"begin of B{i}")
    checks.at_least(clocked.idle_share(found), timeline.formula(found) - 0.02, "idle share")


def test_the_program_leaves_its_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(timeline, "measure", lambda config: {"gpipe": spans()})
    monkeypatch.setattr("shared.runs.start.__defaults__", (tmp_path,))
    timeline.main(timeline.Config(schedule="gpipe"))
    assert "GPipe" in capsys.readouterr().out
    written = json.loads((tmp_path / "phase2" / "timeline" / "spans.json").read_text())
    assert written["gpipe"][1][1] == ["B0", 2, 3]


@pytest.mark.parametrize(
    ("flags", "says"),
    [({"stages": 0}, "positive"), ({"stages": 9, "computing": True}, "a core and a block")],
)
def test_bad_settings_are_refused(flags, says):
    checks.raises(lambda: timeline.Config(**flags), ValueError, f"{flags}", says)


def test_a_row_compares_with_the_formula():
    # 4 stages that idle for 4 slots of 12 in place of 3 of 11.
    row = bench_pipeline.efficiency_row("gpipe", 4, "stages", {"alone": 8.0, "gpipe": 3.0})
    checks.close(row.ours, 2 / 3, "efficiency")
    checks.close(row.ratio, (2 / 3) / (8 / 11), "ratio to the formula")
    assert not row.below_goal
