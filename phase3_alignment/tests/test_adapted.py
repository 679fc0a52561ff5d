import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from phase3_alignment.solution import adapted, lora
from shared import checks

KINDS = pytest.mark.parametrize("kind", ["Linear", "Conv1D"])


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator)


def layer(kind="Linear", n_in=5, n_out=7, adapters=(("one", 2, 3.0),), active=("one",)):
    """A layer with drawn weights and adapters (name, r, alpha)."""
    base = nn.Linear(n_in, n_out) if kind == "Linear" else Conv1D(n_out, n_in)
    held = adapted.AdaptedLayer(base.requires_grad_(False)).eval()
    for name, r, alpha in adapters:
        held.add(name, r=r, alpha=alpha, dropout=0.5, rslora=False, dora=False)
    for i, p in enumerate(held.parameters()):
        p.data.copy_(draw(*p.shape, seed=i))
    held.active = active
    return held


def product(held, name):
    """s * B A of an adapter as (out, in), element by element."""
    adapter = held.adapters[name]
    A, B = adapter.lora_A.detach(), adapter.lora_B.detach()
    return adapter.scaling * (B[:, :, None] * A[None]).sum(1)


def as_out_in(held):
    weight = held.base_layer.weight.detach().clone()
    return weight.T if held.transposed else weight


@pytest.mark.exercise("3.2")
def test_delta_by_hand():
    adapter = lora.LoRA(3, 2, r=1, alpha=0.5)
    adapter.lora_A.data.copy_(torch.tensor([[1.0, 2.0, -1.0]]))
    adapter.lora_B.data.copy_(torch.tensor([[4.0], [-2.0]]))
    expected = torch.tensor([[2.0, 4.0, -2.0], [-1.0, -2.0, 1.0]])
    checks.close(lora.delta_weight(adapter, False), expected, "what Linear's weight gains, by hand")
    name = "what Conv1D's weight gains, by hand"
    checks.close(lora.delta_weight(adapter, True), expected.T, name)


@pytest.mark.exercise("3.2")
def test_delta_has_no_history():
    delta = lora.delta_weight(layer().adapters["one"], False)
    checks.law(not getattr(delta, "requires_grad", True), "the delta has no gradient's history")


@pytest.mark.exercise("3.2")
@KINDS
def test_merged_gives_the_same(kind):
    held, x = layer(kind), draw(4, 5, seed=9)
    expected, weight = held(x), as_out_in(held) + product(held, "one")
    held.merge()
    checks.law(held.merged, "the layer knows that it is merged", held.merged)
    checks.close(as_out_in(held), weight, f"the weight of a merged {kind}, as (out, in)")
    checks.close(held(x), expected, f"what a merged {kind} gives")
    checks.law(not held.base_layer.weight.requires_grad, "the merged weight is frozen")


@pytest.mark.exercise("3.2")
def test_a_layer_that_shares_the_weight_is_not_touched():
    held, head = layer(), nn.Linear(5, 7)
    head.weight = held.base_layer.weight
    bits = head.weight.clone()
    held.merge()
    checks.equal(head.weight.detach(), bits, "the weight of another layer that shares it")


@pytest.mark.exercise("3.2")
@KINDS
def test_unmerge_restores_the_bits(kind):
    held, x = layer(kind), draw(4, 5, seed=9)
    own, bits, expected = held.base_layer.weight, held.base_layer.weight.clone(), held(x)
    held.merge()
    merged = held.base_layer.weight
    held.unmerge()
    checks.equal(held.base_layer.weight.detach(), bits, f"the weight of an unmerged {kind}")
    checks.law(not held.merged, "the layer knows that it is not merged any more", held.merged)
    checks.equal(held(x).detach(), expected.detach(), f"what an unmerged {kind} gives")
    found = "the merged one" if held.base_layer.weight is merged else "another one"
    checks.law(held.base_layer.weight is own, "the base's own parameter is back", found)
    held.merge()
    held.unmerge()
    checks.equal(held.base_layer.weight.detach(), bits, "the weight after a second round")


@pytest.mark.exercise("3.2")
def test_twice_is_once():
    held = layer()
    weight = as_out_in(held) + product(held, "one")
    bits = held.base_layer.weight.clone()
    held.merge()
    held.merge()
    checks.close(held.base_layer.weight.detach(), weight, "the weight after two merges")
    held.unmerge()
    held.unmerge()
    checks.equal(held.base_layer.weight.detach(), bits, "the weight after two unmerges")


@pytest.mark.exercise("3.2")
@pytest.mark.parametrize("active", [("two",), ("one", "two"), ()])
def test_what_is_active_is_merged(active):
    held, x = layer(adapters=(("one", 2, 3.0), ("two", 1, 5.0)), active=active), draw(4, 5)
    expected, weight = held(x), as_out_in(held)
    for name in active:
        weight = weight + product(held, name)
    before = [p.detach().clone() for p in held.adapters.parameters()]
    held.merge()
    checks.close(as_out_in(held), weight, f"the weight with {list(active)} of one, two merged")
    checks.close(held(x), expected, f"what the layer gives with {list(active)} merged")
    after = [p.detach() for p in held.adapters.parameters()]
    checks.equal(after, before, "A and B, which stay as they are")


@pytest.mark.exercise("3.2")
def test_rounds_once():
    held = layer()
    held.base_layer.bfloat16()
    expected = (held.base_layer.weight.float() + product(held, "one")).bfloat16()
    held.merge()
    # (W + delta) is rounded from float32, so both sums differ by their own rounding at most.
    checks.close(held.base_layer.weight.float(), expected.float(), "bfloat16", rtol=8e-3, atol=0)
    dtype = str(held.base_layer.weight.dtype)
    checks.equal(dtype, "torch.bfloat16", "dtype of a merged weight in bfloat16")


@pytest.mark.exercise("3.2")
def test_without_a_weight():
    class Codes(nn.Module):
        in_features, out_features = 5, 7

    held = adapted.AdaptedLayer(Codes())
    held.add("one", r=2, alpha=3.0, dropout=0.0, rslora=False, dora=False)
    checks.raises(held.merge, ValueError, "merging into a layer without a floating-point weight")


def test_a_weight_in_codes_is_adapted_but_not_merged():
    class Codes(nn.Module):
        """A matrix in another form: it computes, but has no weight."""

        in_features, out_features = 5, 7

        def forward(self, x):
            return 2 * x @ torch.ones(5, 7)

    held, x = adapted.AdaptedLayer(Codes()), draw(4, 5)
    held.add("one", r=2, alpha=3.0, dropout=0.0, rslora=False, dora=False)
    held.adapters["one"].lora_B.data.normal_()
    held.active = ("one",)
    torch.testing.assert_close(held(x), Codes()(x) + x @ product(held, "one").T)
    with pytest.raises(ValueError, match="Codes"):
        held.merge()


def test_names_are_unique():
    with pytest.raises(ValueError, match="'one'"):
        layer().add("one", r=1, alpha=1, dropout=0, rslora=False, dora=False)
