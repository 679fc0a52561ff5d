import pytest
import torch

from phase4_production.project import bench_kernels, native
from shared.checks import close

pytestmark = pytest.mark.skipif(not native.available(), reason="there is no C++ compiler")


@pytest.mark.parametrize("length", [1, 33, 500])
def test_all_ways_of_attention_give_the_same(length):
    ours, *others = (run() for run in bench_kernels.ways(length).values())
    assert ours.shape == (bench_kernels.HEADS, bench_kernels.WIDTH)
    for other in others:
        close(ours, other, "one query's attention", rtol=1e-5, atol=1e-5)


def test_every_form_of_a_weight_is_multiplied_by_our_kernels():
    weight, x = torch.randn(2, 128, 128).unbind()
    made = bench_kernels.layers(weight)
    expected = (x @ weight.T).norm()
    # Of normal weights: 0.2 % in bfloat16, 0.9 % in int8 and 11 % in int4, and some room.
    bounds = {"float32": 1e-6, "bfloat16": 0.004, "int8": 0.02, "int4": 0.15}
    for name, layer in made.items():
        assert type(layer).__module__.endswith("native_linears"), name
        assert (layer(x) - x @ weight.T).norm() < bounds[name] * expected, name
    sizes = [layer.nbytes for layer in made.values()]
    assert sizes == sorted(sizes, reverse=True)


def test_rows_say_what_was_compared():
    found = bench_kernels.product_rows(64, 128, 2) + bench_kernels.attention_rows(40, 2)
    assert len({row.id for row in found}) == len(found) == 10
    assert all(row.ratio > 0 for row in found)
    for row in found:
        better = row.ours / row.peer_value if row.unit == "GB/s" else row.peer_value / row.ours
        assert row.ratio == pytest.approx(better)


def test_without_a_compiler_there_are_no_rows(monkeypatch):
    monkeypatch.setattr(native, "available", lambda: False)
    assert bench_kernels.speed_rows() == []
