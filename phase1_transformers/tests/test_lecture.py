import json
import math

import pytest
import torch

from phase1_transformers.project import lecture, lecture_models
from shared import checks

SIZES = lecture_models.Sizes(
    vocab_size=11, block_size=8, n_embd=8, n_head=2, n_layer=2, dropout=0.1
)


def built(name):
    torch.manual_seed(0)
    return lecture_models.STEPS[name](SIZES).eval()


@pytest.mark.parametrize("name", lecture_models.STEPS)
def test_no_step_sees_the_future(name):
    model, idx = built(name), torch.arange(8)[None] % 11
    other = idx.clone()
    other[:, 5:] = 10
    with torch.no_grad():
        logits, changed = model(idx)[0], model(other)[0]
    checks.equal(tuple(logits.shape), (1, 8, 11), f"shape of the logits, {name}")
    checks.close(changed[:, :5], logits[:, :5], f"logits at 0 .. 4 when 5 .. 7 change, {name}")


@pytest.mark.parametrize("name", list(lecture_models.STEPS)[1:])
def test_every_step_but_the_first_sees_the_past(name):
    model, idx = built(name), torch.arange(8)[None] % 11
    other = idx.clone()
    other[:, 0] = 10
    with torch.no_grad():
        moved = (model(idx)[0] - model(other)[0])[:, -1].abs().max()
    checks.at_least(moved, 1e-6, f"change of the last logits when the first token changes, {name}")


def test_parameters_of_the_parts():
    count = {
        name: sum(p.numel() for p in built(name).parameters()) for name in lecture_models.STEPS
    }
    V, C, T = 11, 8, 8
    around = V * C + T * C + C * V + V  # tables of tokens and positions, head
    attention, feed_forward = 4 * C * C + C, 8 * C * C + 5 * C
    checks.equal(count["bigram"], V * V, "bigram")
    checks.equal(count["+ average of the past"], around + 2 * C * C + C, "average")
    checks.equal(count["several heads"], around + attention, "several heads")
    checks.equal(count["one head of attention"], count["several heads"], "one head")
    deep = around + 2 * (attention + feed_forward)
    checks.equal(count["+ residuals"], deep, "residuals")
    checks.equal(count["+ dropout"], deep + 5 * 2 * C, "five LayerNorms")


def test_program(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 60)
    config = lecture.Config(
        data=str(text), steps=25, block_size=8, n_embd=8, n_head=2, n_layer=1, batch_size=4
    )
    lecture.main(config, root=tmp_path)
    folder = tmp_path / "phase1" / "lecture"
    results = json.loads((folder / "results.json").read_text())
    names = [step["name"] for step in results["steps"]]
    checks.equal(names, list(lecture_models.STEPS), "steps in the results")
    checks.law(all(0 < s["val_loss"] < 9 for s in results["steps"]), "losses are losses", results)
    # Counting knows this text almost by heart; knowing nothing costs ln 28.
    checks.at_most(results["counted_bigrams"], math.log(28) / 2, "loss of the counted table")
    checks.law((folder / "lecture.png").stat().st_size > 1000, "there is a figure")
    checks.law("+ LayerNorm" in capsys.readouterr().out, "there is a table")


def test_wrong_settings():
    checks.raises(lambda: lecture.Config(steps=5), ValueError, "too few steps", match="more than")
    checks.raises(lambda: lecture.Config(n_head=5), ValueError, "heads", match="multiple")
