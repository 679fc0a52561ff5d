"""The tour's stage and the page of a run, on a model and settings that take seconds."""

import json
from dataclasses import replace

import pytest

from phase3_alignment.project import exhibits, look, tour
from phase3_alignment.tests.tiny_pretrained import make_folder

TINY = tour.Settings(
    replace(tour.SFT, max_steps=2, look_every=1, n_val=4, n_test=4, n_prompts=4, batch_size=2),
    replace(tour.REWARD, epochs=1, batch_size=32, positive="few"),
    replace(tour.PPO, n_steps=2, look_every=1, batch_size=8, n_test=4, best_of=2, max_new_tokens=4),
)


def write_lines(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    root = tmp_path_factory.mktemp("tour")
    make_folder(root / "phase1_transformers" / "phase1" / "tiny" / "hf")
    asked = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "a"}]}
        for n in range(80)
    ]
    labels = [
        {"text": f"{n} {'many' * (n % 2)}", "label": ("few", "many")[n % 2]} for n in range(160)
    ]
    data, labelled = (
        write_lines(root / f"{name}.jsonl", rows)
        for name, rows in {"asked": asked, "labels": labels}.items()
    )
    folder = root / "phase3_alignment"
    folder.mkdir()
    settings = tour.Settings(
        replace(TINY.sft, data=data),
        replace(TINY.reward, data=labelled),
        replace(TINY.align, data=data),
    )
    return folder, tour.stage(folder, settings)


@pytest.mark.slow
def test_the_stage_tells_what_was_measured(shown):
    folder, stage = shown
    assert stage.headline.startswith("the judge's probability ")
    for figure in stage.figures:
        assert figure.title
        assert figure.caption
    titles = [figure.title for figure in stage.figures]
    assert titles[0] == "Before and after fine-tuning"
    assert titles[-1] == "Before and after PPO"
    assert len(titles) == 5
    for path in ("adapter/adapter_model.safetensors", "hf/model.safetensors"):
        assert (folder / "phase3" / "ppo" / path).is_file(), f"{path}, for phase 4"


@pytest.mark.slow
def test_a_look_shows_what_a_run_has_left(shown):
    folder, _ = shown
    page = look.look(look.Config(), root=folder)
    assert page.parent.name == "ppo", "the run that was finished last"
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64") == 2
    assert "Before and after" in text
    page = look.look(look.Config(run="reward"), root=folder)
    assert "Does the judge mean what it says" in page.read_text(encoding="utf-8")


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"no run is in .*none"):
        look.look(look.Config(run="none"), root=tmp_path)
    with pytest.raises(ValueError, match="no finished run is in"):
        look.look(look.Config(), root=tmp_path)
    (tmp_path / "phase3" / "empty").mkdir(parents=True)
    with pytest.raises(ValueError, match="nothing to show"):
        look.look(look.Config(run="empty"), root=tmp_path)


def test_a_long_answer_is_broken_below_its_beginning():
    lines = exhibits.wrap("  after  ", "word " * 40).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("  after  word")
    assert lines[1].startswith("         word")
    assert max(map(len, lines)) <= exhibits.COLUMNS
    assert exhibits.wrap("  after  ", "") == "  after"
