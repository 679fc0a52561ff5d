import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from phase3_alignment.solution import inject, lora
from phase3_alignment.solution.adapted import AdaptedLayer
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.heads import TrainedHead
from shared import checks


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.seq, self.norm = nn.Linear(6, 4), nn.Linear(4, 6), nn.LayerNorm(6)
        self.c_fc = Conv1D(6, 6)

    def forward(self, x):
        return self.norm(x + self.seq(self.q(x).tanh()) + self.c_fc(x))


class Toy(nn.Module):
    """A model of two blocks with an embedding and a head of two layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.wte, self.h = nn.Embedding(9, 6), nn.ModuleList([Block(), Block()])
        self.score = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))

    def forward(self, ids):
        x = self.wte(ids)
        for block in self.h:
            x = block(x)
        return self.score(x)


IDS = torch.tensor([[1, 4, 8], [2, 2, 7]])
Q = AdapterConfig(targets=("q",), r=2, alpha=6)


def adapted_toy(config=Q, name="default"):
    """A toy whose corrections are not 0."""
    model = Toy()
    inject.inject(model, config, name)
    return stir(model)


def stir(model, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        if p.requires_grad:
            p.data.add_(0.5 * torch.randn(p.shape, generator=generator))
    return model


def training(model):
    return [name for name, p in model.named_parameters() if p.requires_grad]


# -- by name ----------------------------------------------------------------------------------


@pytest.mark.exercise("3.3")
@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (("q",), ["h.0.q", "h.1.q"]),
        (("seq", "c_fc"), ["h.0.seq", "h.0.c_fc", "h.1.seq", "h.1.c_fc"]),
        (("wte",), ["wte"]),
        (("1.q",), ["h.1.q"]),
        (("h.0.q",), ["h.0.q"]),
        (("1",), ["score.1"]),
        (("q", "h.0.q", "seq"), ["h.0.q", "h.0.seq", "h.1.q", "h.1.seq"]),
        (r"h\.0\..*", ["h.0.q", "h.0.seq", "h.0.c_fc"]),
        (r"h\.\d", None),
        ("q", None),
        (["norm"], None),
        (("q", "v_proj"), None),
    ],
    ids=str,
)
def test_matching(targets, names):
    model = Toy()
    if names is None:
        name = f"targets {targets}, of which one means no layer that can be adapted"
        checks.raises(lambda: inject.matching(model, targets), ValueError, name)
    else:
        try:
            found = inject.matching(model, targets)
        except ValueError:
            found = "a ValueError"
        checks.equal(found, names, f"layers that {targets} means")


@pytest.mark.exercise("3.3")
def test_matching_tells_which_name_is_misspelt():
    name = "an error that names the target"
    checks.raises(lambda: inject.matching(Toy(), ("q", "v_prj")), ValueError, name, match="v_prj")


# -- in the layer's place ---------------------------------------------------------------------


@pytest.mark.exercise("3.3")
def test_wrap():
    model = Toy()
    expected, q, others = model(IDS), model.h[1].q, model.h[0].q
    holder = inject.wrap(model, "h.1.q", AdaptedLayer)
    checks.law(isinstance(model.h[1].q, AdaptedLayer), "the layer is wrapped", model.h[1].q)
    checks.law(holder is model.h[1].q, "what is returned stands in the model", holder)
    checks.law(holder.base_layer is q, "the holder holds the layer", holder.base_layer)
    checks.law(model.h[0].q is others, "no other layer is wrapped", model.h[0].q)
    checks.close(model(IDS), expected, "what the model gives")
    again = inject.wrap(model, "h.1.q", AdaptedLayer)
    checks.law(again is holder, "a layer that is wrapped already stays as it is", again)


@pytest.mark.exercise("3.3")
def test_wrap_finds_every_place():
    model = Toy()
    model.shared, model.h[1].q = model.wte, model.h[0].q
    inject.wrap(model, "h.0.q", AdaptedLayer)
    one = model.h[0].q is model.h[1].q and isinstance(model.h[1].q, AdaptedLayer)
    checks.law(one, "a layer in two places is wrapped once, for both", model.h[1].q)


# -- the whole --------------------------------------------------------------------------------


@pytest.mark.exercise("3.3")
def test_injection_changes_nothing_but_who_trains():
    model = Toy()
    expected = model(IDS)
    inject.inject(model, AdapterConfig(targets=("q", "c_fc", "wte"), r=2))
    checks.close(model(IDS), expected, "what the model gives right after injection")
    wrong = [name for name in training(model) if "lora_" not in name]
    checks.equal(wrong, [], "parameters that train and belong to no adapter")
    # Two blocks: q (6 + 4) * 2, c_fc (6 + 6) * 2; the table (9 + 6) * 2.
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    checks.equal(count, 2 * (20 + 24) + 30, "parameters that train")


@pytest.mark.exercise("3.3")
def test_gradients_reach_the_adapters_alone():
    model = adapted_toy(AdapterConfig(targets=("q", "c_fc"), r=2))
    loss = model(IDS).square().sum()
    checks.law(loss.requires_grad, "the loss depends on something that trains")
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    wrong = [n for n, g in gradients.items() if g is not None and "lora_" not in n]
    checks.equal(wrong, [], "parameters of the base that got a gradient")
    silent = [n for n, g in gradients.items() if "lora_" in n and (g is None or not g.any())]
    checks.equal(silent, [], "parameters of adapters that got none, or only 0")


@pytest.mark.exercise("3.3")
def test_strength_and_rank_of_each_layer():
    overrides = {"rank_pattern": {"h.1.q": 4}, "alpha_pattern": {"seq": 10}}
    model = Toy()
    inject.inject(model, AdapterConfig(targets=("q", "seq"), r=2, alpha=6, **overrides))
    found = {
        name: (len(m.lora_A), m.scaling)
        for name, m in model.named_modules()
        if isinstance(m, lora.LoRA)
    }
    expected = {"h.0.q": (2, 3.0), "h.0.seq": (2, 5.0), "h.1.q": (4, 1.5), "h.1.seq": (2, 5.0)}
    expected = {f"{name}.adapters.default": value for name, value in expected.items()}
    checks.equal(found, expected, "rank and scaling of each layer")


@pytest.mark.exercise("3.3")
def test_a_head_is_trained_whole():
    model = Toy()
    expected = model(IDS)
    inject.inject(model, AdapterConfig(targets=r".*(q|\.1)", heads=("score",)), "mine")
    heads = sorted(n for n in training(model) if "lora_" not in n)
    names = [f"score.adapters.mine.{i}.{kind}" for i in (0, 1) for kind in ("bias", "weight")]
    checks.equal(heads, sorted(names), "parameters of the head that train")
    inside = [n for n in training(model) if "lora_" in n and "score" in n]
    checks.equal(inside, [], "adapters inside a head that is trained whole")
    checks.close(model(IDS), expected, "what the model with a head gives right after injection")


@pytest.mark.exercise("3.3")
def test_a_layer_beside_a_head_is_not_inside_of_it():
    model = Toy()
    model.score_of_q = nn.Linear(4, 3)
    inject.inject(model, AdapterConfig(targets=("q", "score_of_q"), heads=("score",)))
    adapted = isinstance(model.score_of_q, AdaptedLayer)
    checks.law(adapted, "beside the head score, score_of_q gets a correction", model.score_of_q)


@pytest.mark.exercise("3.3")
def test_a_second_adapter_moves_in_beside_the_first():
    model = adapted_toy(name="one")
    first = model(IDS).detach()
    inject.inject(model, AdapterConfig(targets=("q", "seq"), r=3), "two")
    checks.close(model(IDS), Toy()(IDS), "with the second, which is 0 yet, the model is its base")
    wrong = [name for name in training(model) if ".two." not in name]
    checks.equal(wrong, [], "parameters that train and are not the second adapter's")
    depth = [n for n, m in model.named_modules() if isinstance(m, AdaptedLayer)]
    expected = ["h.0.q", "h.0.seq", "h.1.q", "h.1.seq"]
    checks.equal(depth, expected, "layers that hold adapters")
    inject.activate(model, "one")
    checks.close(model(IDS), first, "with the first adapter active again")
    stir(model)
    again = inject.matching(model, r"h\.0\..*")
    checks.equal(again, ["h.0.q", "h.0.seq", "h.0.c_fc"], "layers that the same regex means now")
    inject.inject(model, Q, "three")
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, AdaptedLayer)]
    lost = [n for n, m in layers if set(m.active) - set(m.adapters)]
    checks.equal(lost, [], "layers with an active adapter that they do not have")
    taken = "a name that is taken"
    checks.raises(lambda: inject.inject(model, Q, "one"), ValueError, taken)


# -- off and on again -------------------------------------------------------------------------


@pytest.mark.exercise("3.3")
def test_disabled_is_the_base():
    model, base = adapted_toy(AdapterConfig(targets=("q", "wte"), heads=("score",))), Toy()(IDS)
    adapted = model(IDS)
    with inject.disabled(model):
        checks.equal(model(IDS).detach(), base.detach(), "what the model gives within the block")
    checks.equal(model(IDS).detach(), adapted.detach(), "what the model gives after the block")


@pytest.mark.exercise("3.3")
def test_disabled_puts_back_what_was():
    model, base = adapted_toy(), Toy()(IDS)
    adapted = model(IDS).detach()
    with inject.disabled(model):
        with inject.disabled(model):
            pass
        checks.equal(model(IDS).detach(), base.detach(), "in the outer block, after the inner one")
    try:
        with inject.disabled(model):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    checks.equal(model(IDS).detach(), adapted, "what the model gives after a block was left early")


@pytest.mark.exercise("3.3")
def test_disabled_while_merged():
    model = adapted_toy()
    for block in model.h:
        block.q.merge()

    def enter():
        with inject.disabled(model):
            return model(IDS)

    checks.raises(enter, ValueError, "a block while the adapters are merged", match="merged")


# -- what is given ----------------------------------------------------------------------------


def test_activate_adds_corrections_up():
    model = adapted_toy(name="one")
    inject.inject(model, Q, "two")
    stir(model, seed=2)
    inject.activate(model, "one", "two")
    assert {name.split(".")[-2] for name in training(model)} == {"one", "two"}
    q, x = model.h[0].q, torch.randn(2, 6)
    corrections = sum(adapter(x) for adapter in q.adapters.values())
    torch.testing.assert_close(q(x), q.base_layer(x) + corrections)
    with pytest.raises(ValueError, match="three"):
        inject.activate(model, "three")


def test_a_head_that_shares_its_weight_takes_a_copy():
    model = Toy()
    model.head = nn.Linear(6, 9, bias=False)
    model.head.weight = model.wte.weight
    inject.inject(model, AdapterConfig(targets=("q",), heads=("head",)))
    assert isinstance(model.head, TrainedHead)
    assert not model.wte.weight.requires_grad
    assert model.head.weight is not model.wte.weight
    assert model.head.original.weight is model.wte.weight
    with pytest.raises(ValueError, match="haed"):
        inject.inject(Toy(), AdapterConfig(targets=("q",), heads=("haed",)))


def test_summary():
    model = Toy()
    inject.inject(model, Q)
    n_all = sum(p.numel() for p in Toy().parameters()) + 40
    assert inject.summary(model) == f"40 of {n_all} parameters train ({40 / n_all:.2%})".replace(
        "%", " %"
    )


def test_dropout_follows_the_mode_of_the_model():
    model = Toy().eval()
    inject.inject(model, AdapterConfig(targets=("q",), dropout=0.5))
    assert not any(module.training for module in model.modules())
