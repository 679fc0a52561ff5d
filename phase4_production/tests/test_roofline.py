"""The roofline: its arithmetic by hand, and the program on sizes of a toy."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from phase4_production.project import roofline
from shared import checks


def test_the_roof_is_a_slope_and_then_flat():
    roof = roofline.Roof(bytes_per_s=10.0, flops_per_s=40.0)
    checks.equal(roof.corner, 4.0, "corner")
    checks.equal([roof.at(x) for x in (0.5, 4.0, 100.0)], [5.0, 40.0, 40.0], "roof")


def test_a_kernel_is_placed_by_its_own_time():
    kernel = roofline.Kernel("k", flops=100.0, nbytes=50.0, run=lambda: None)
    found = roofline.place(kernel, 10.0, roofline.Roof(bytes_per_s=10.0, flops_per_s=40.0))
    # 2 operations a byte: 20 a second are possible, and it does 10.
    checks.equal(found, roofline.Place("k", 2.0, 10.0, 0.5), "place")


def test_operations_and_bytes_by_hand():
    found = {kernel.name: kernel for kernel in roofline.kernels(64, 128, "cpu")}
    one = found["linear, 1 token"]
    checks.equal((one.flops, one.nbytes), (2 * 64 * 64, 4 * (64 * 64 + 2 * 64)), "one token")
    many = found["linear, 64 tokens"]
    checks.equal((many.flops, many.nbytes), (2 * 64**3, 4 * 3 * 64 * 64), "64 tokens")
    tiled, naive = found["attention, tiled"], found["attention, naive"]
    checks.equal(tiled.nbytes, 4 * 4 * 16 * 128 * 64, "q, k, v and o")
    checks.equal(naive.nbytes - tiled.nbytes, 4 * 4 * 16 * 128 * 128, "the matrices")
    checks.equal(naive.flops, tiled.flops, "the same operations")
    decode = found["attention, one token"]
    checks.equal(decode.intensity, 0.5, "2 operations for each number of float32")


def test_naive_is_attention():
    q, k, v = torch.randn(3, 1, 2, 10, 16, generator=torch.Generator().manual_seed(0))
    assert_close(roofline.naive(q, k, v), F.scaled_dot_product_attention(q, k, v))


def test_the_program(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(roofline, "_beyond_caches", lambda device: 1000)
    config = roofline.Config(device="cpu", width=64, length=64, turns=1, out=tmp_path / "new")
    roofline.main(config)
    record = json.loads((config.out / "roofline.json").read_text())
    names = [kernel.name for kernel in roofline.kernels(64, 64, "cpu")]
    checks.equal([kernel["name"] for kernel in record["kernels"]], names, "kernels")
    assert min(record["roof"].values()) > 0
    assert (config.out / "roofline.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)


@pytest.mark.parametrize("bad", [{"device": "tpu"}, {"width": 8}, {"length": 1}, {"turns": 0}])
def test_bad_values_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        roofline.Config(**({"device": "cpu"} | bad))


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    checks.equal(roofline.Config().device, "cpu", "default")
    with pytest.raises(ValueError, match="cuda with a GPU"):
        roofline.Config(device="cuda")
