"""Reward hacking: the curves against closed forms, and all of it with tiny models."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from phase3_alignment.project import hacking, hacking_judges, hacking_report, reward
from phase3_alignment.project import reinforcement as rl
from phase3_alignment.project.hacking import Config
from phase3_alignment.project.hacking_report import Curve, Look, Said
from phase3_alignment.project.score import Judge
from phase3_alignment.tests.test_comparisons import Letters
from phase3_alignment.tests.tiny_pretrained import make_folder
from shared import checks
from shared.runs import RunError, read_metrics
from shared.texts import Text

TEXTS = [f"{word} {i} times over" for i in range(8) for word in ("one", "two", "six")]


# -- the numbers ------------------------------------------------------------------------------


def curve(ds, golds, price=0.0):
    return Curve(price, 0, tuple(Look(d * d, d, gold) for d, gold in zip(ds, golds)))


def test_the_best_of_n_is_chosen_by_the_proxy_and_judged_by_gold():
    generator = torch.Generator().manual_seed(0)
    proxy, gold = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64)
    found = hacking_report.best_of_curve(proxy, gold)
    checks.equal(len(found.looks), 4, "the best of 1, 2, 4 and all 5")
    for look, n in zip(found.looks, (1, 2, 4, 5)):
        chosen = [
            max(some, key=lambda i: proxy[row, i])
            for row in range(3)
            for some in itertools.combinations(range(5), n)
        ]
        rows = [row for row in range(3) for _ in range(math.comb(5, n))]
        checks.close(look.gold, gold[rows, chosen].mean().item(), f"gold of the best of {n}")
        checks.close(look.proxy, proxy[rows, chosen].mean().item(), f"proxy of the best of {n}")
    checks.close(found.looks[2].kl, math.log(4) - 3 / 4, "nats of the best of 4")


@pytest.mark.parametrize("price", [None, 0.1])
def test_a_planted_form_is_found(price):
    ds = np.linspace(0, 6, 13)
    inner = ds if price is None else np.log(np.maximum(ds, 1e-9))
    golds = 0.3 + ds * (1.2 - 0.4 * inner)  # the base itself need not be at 0
    found = hacking_report.fit([curve(ds, golds, price)])
    checks.close([found.alpha, found.beta], [1.2, 0.4], "alpha and beta")
    checks.close(found.r_squared, 1.0, "explained")
    many = np.linspace(0.01, 10, 100_000)
    checks.close(found.turn, many[found.at(many).argmax()] ** 2, "nats at the turn", rtol=1e-3)
    checks.close(found.at(ds[1:]) + 0.3, golds[1:], "the curve again")


def test_what_only_rises_does_not_turn():
    ds = np.linspace(0, 3, 7)
    found = hacking_report.fit([curve(ds, ds + ds**2, None)])
    checks.equal(found.turn, None, "where it turns")
    assert "does not turn" in str(found)
    assert hacking_report.fit([curve(ds[:3], ds[:3])]) is None
    noise = hacking_report.fit([curve(ds, [0.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0])])
    assert "does not describe" in str(noise)


def test_the_table_tells_peak_and_end(tmp_path):
    hacked = curve([0.0, 1.0, 2.0, 3.0], [0.0, 0.5, 0.25, -1.0])
    checks.equal(hacked.peak, Look(1.0, 1.0, 0.5), "where gold was highest")
    best = curve([0.0, 1.0], [0.0, 0.2], price=None)
    lines = hacking_report.table([best, hacked]).splitlines()
    assert lines[1].startswith("best of n")
    assert " ".join(lines[2].split()) == "price 0, seed 0 +0.50 1.00 | 9.00 +3.00 -1.00 4.00"
    path = hacking_report.draw([best, hacked], tmp_path / "x.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_nats_below_zero_are_drawn_at_zero():
    checks.equal(Look(-0.01, 0.0, 0.0).d, 0.0, "root of a negative estimate")


def test_words_that_have_become_frequent():
    base, said = ["A cat.", "a dog ran", "the dog"], ["so happy, happy", "so a dog", "so happy"]
    found = hacking_report.grown(base, said)
    checks.equal(found[0], ("so", 0.0, 1.0), "in all of them, and in none before")
    checks.equal(found[1][::2], ("happy", 2 / 3), "counted once in a response")


def test_the_page_shows_the_widest_gap_once_for_each_prompt(tmp_path):
    base = Said(("b0", "b1"), (0.0, 0.0), (0.0, 0.0))
    one = Said(("x0", "x1"), (5.0, 1.0), (-1.0, 0.0))
    other = Said(("y0", "y1"), (5.0, 4.0), (-2.0, 0.0))
    path = tmp_path / "samples.html"
    told = hacking_report.write_page(["p0", "p1"], base, [one, other], path)
    shown = json.loads(path.with_suffix(".json").read_text())
    checks.equal([s["after"]["text"] for s in shown], ["y0", "y1"], "the widest first")
    checks.equal([s["prompt"] for s in shown], ["p0", "p1"], "with their prompts")
    checks.equal(shown[0]["after"]["gold"], -2.0, "gold's score")
    assert "gold -2.00" in path.read_text()
    assert "y0 (25%" in told[-1]


# -- the judges -------------------------------------------------------------------------------


def test_gold_chooses_between_two_and_may_be_undecided():
    texts = ["a", "b", "c", "d", "e", "f"]
    found = hacking_judges.label(texts, torch.tensor([1.0, 2.0, 0.0, 0.0, 3.0, -3.0]), Letters())
    checks.equal(found.better.tolist(), [1, 4], "preferred")
    checks.equal(found.worse.tolist(), [0, 5], "not preferred")
    checks.equal(found.texts, tuple(texts), "texts")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A random model whose output layer is large enough that a frozen one can say something."""
    from transformers import LlamaForCausalLM

    folder = make_folder(tmp_path_factory.mktemp("base"))
    model = LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def gold(base, tmp_path_factory):
    """A judge of texts as good as any other: a random one."""
    folder = tmp_path_factory.mktemp("gold")
    config = reward.Config(model=str(base), r=None, device="cpu", seed=5)
    reward.new_judge(config, "fine")[0].save(folder)
    return folder


@pytest.fixture
def config(base, gold, monkeypatch):
    text = Text("<|endoftext|>".join(TEXTS), "made up")
    monkeypatch.setattr(hacking_judges.data, "load", lambda name: text)
    return Config(
        gold=gold, model=str(base), data="made-up", labels=24, penalties=(0.0, 1.0), seeds=1,
        prompt_tokens=4, max_new_tokens=6, n_steps=4, batch_size=16, r=2, lr=1e-2, best_of=4,
        n_test=6, look_every=2, device="cpu", name="h",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def few_fresh_pairs(monkeypatch):
    monkeypatch.setattr(hacking_judges, "N_FRESH", 8)


def test_both_judges_are_on_one_scale(config, tmp_path):
    scene = hacking.set_scene(config, tmp_path)
    numbers = [i for i in range(len(TEXTS) - 6, len(TEXTS)) for _ in range(4)]
    for place, kept in ((scene.gold, scene.base_gold), (scene.proxy, scene.base_proxy)):
        again = place.score(numbers, scene.base)
        checks.close(again.mean().item(), 0.0, "mean at the base", atol=1e-5)
        checks.close(again.std(correction=0).item(), 1.0, "deviation at the base")
        # Twice through a model in batches of other sizes, and scaled before or after.
        checks.close(kept.flatten(), again, "kept scores", rtol=1e-4, atol=1e-4)
    judge = Judge.load(config.gold)
    raw = judge.texts([scene.gold.prompt(i) + said for i, said in zip(numbers, scene.base)])
    scaled = (raw - raw.mean()) / raw.std(correction=0)
    checks.close(scene.base_gold.flatten(), scaled, "gold, by hand", rtol=1e-4, atol=1e-4)


# -- all of it --------------------------------------------------------------------------------


def test_a_killed_run_goes_on_and_finished_ones_are_kept(config, tmp_path, monkeypatch, capsys):
    whole = hacking.hack(config, tmp_path / "whole")
    look, taken = hacking.Watched.look, []

    def die_in_the_second_run(self):
        taken.append(1)
        if len(taken) == 6:
            raise RuntimeError("killed")
        return look(self)

    monkeypatch.setattr(hacking.Watched, "look", die_in_the_second_run)
    with pytest.raises(RuntimeError, match="killed"):
        hacking.hack(config, tmp_path / "cut")
    monkeypatch.setattr(hacking.Watched, "look", look)
    again = hacking.hack(replace(config, resume=True), tmp_path / "cut")
    checks.equal(again.curves, whole.curves, "curves")
    checks.equal(again.told, whole.told, "what it says")

    def no_step(self):
        raise AssertionError("nothing is left to do")

    monkeypatch.setattr(rl.PPO, "step", no_step)
    monkeypatch.setattr(reward.RewardTask, "step", no_step)
    kept = hacking.hack(replace(config, resume=True), tmp_path / "whole")
    checks.equal(kept.curves, whole.curves, "curves that are kept")
    with pytest.raises(RunError, match="changed: lr"):
        hacking.hack(replace(config, resume=True, lr=1e-3), tmp_path / "whole")


def test_prices_stay_and_everything_is_written(config, tmp_path, capsys):
    result = hacking.hack(replace(config, n_steps=6), tmp_path)
    assert [c.price for c in result.curves] == [None, 0.0, 1.0]
    for price in (0, 1):
        folder = tmp_path / "phase3" / f"h-kl{price}-seed0"
        coefs = {m["kl_coef"] for m in read_metrics(folder) if "kl_coef" in m}
        checks.equal(coefs, {float(price)}, "prices of a nat")
        for name in ("adapter/adapter_config.json", "hf/model.safetensors", "curves.png"):
            assert (folder / name).stat().st_size > 0, name
    free, dear = (c.looks[-1].kl for c in result.curves[1:])
    checks.at_most(dear, free, "nats of who pays for them")
    for name in ("hacking.png", "samples.html", "results.json"):
        assert (result.path / name).stat().st_size > 0, name
    kept = json.loads((result.path / "results.json").read_text())
    checks.equal(kept["curves"][1]["price"], 0.0, "in results.json")
    assert "it agrees with gold on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "says"),
    [({"labels": 0}, "positive"), ({"penalties": ()}, "prices"), ({"penalties": (-1.0,)}, "below")],
)
def test_bad_settings_are_refused(flags, says):
    checks.raises(lambda: Config(**flags), ValueError, f"{flags}", says)


def test_what_does_not_fit_is_told(config, base, tmp_path):
    def run(**flags):
        return lambda: hacking.hack(replace(config, **flags), tmp_path)

    checks.raises(run(max_new_tokens=500), ValueError, "too long", "128")
    checks.raises(run(n_test=len(TEXTS)), ValueError, "no prompt left", "for looking")
    checks.raises(run(gold=tmp_path), FileNotFoundError, "no gold", "no reward model")
    pairs = reward.new_judge(reward.Config(model=str(base), r=None, device="cpu"), None)[0]
    pairs.save(tmp_path / "pairs")
    checks.raises(
        run(gold=tmp_path / "pairs"), ValueError, "a judge of answers", "compares answers"
    )


def test_gold_is_trained_where_there_is_none(tmp_path, monkeypatch, gold):
    asked = []

    def train(config, root):
        asked.append((config.name, config.model, config.resume))
        (root / "phase3" / config.name).mkdir(parents=True)
        (root / "phase3" / config.name / "reward").symlink_to(gold)

    monkeypatch.setattr(reward, "train", train)
    judge = hacking_judges.open_gold(None, "stories", "g", True, tmp_path)
    checks.equal(judge.positive, "fine", "the judge that was trained")
    checks.equal(asked, [("g", "stories", False)], "trainings")
