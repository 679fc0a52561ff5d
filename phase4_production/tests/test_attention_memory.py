"""What attention costs: the three ways agree, and memory is measured where it is taken."""

import pytest
import torch

from phase4_production.project import attention_memory
from phase4_production.project.attention_memory import STATUS, Config, Cost
from shared import checks

needs_proc = pytest.mark.skipif(not STATUS.exists(), reason="memory is read from Linux's /proc")


def test_three_ways_one_result():
    g = torch.Generator().manual_seed(0)
    tensors = [t.requires_grad_() for t in torch.randn(3, 1, 2, 200, 16, generator=g)]
    found = {name: way(*tensors) for name, way in attention_memory.WAYS.items()}
    for name in ("tiled", "sdpa"):
        checks.close(found[name], found["naive"], name)
        gradients = [torch.autograd.grad(found[n].sum(), tensors, retain_graph=True)
                     for n in (name, "naive")]  # fmt: skip
        checks.close(*gradients, f"gradients of {name}")


@needs_proc
def test_memory_is_seen():
    """64 MiB, taken and given back: of 32 and less glibc may have kept some from before."""
    extra = attention_memory.memory_of(lambda: torch.ones(16, 2**20).sum(), "cpu")
    checks.close(extra, 64.0, "MiB", atol=2.0, rtol=0.0)


@needs_proc
def test_tiles_take_less_than_the_matrix():
    config = Config(heads=4, head=16)
    matrix, tiles = (attention_memory.measure(config, way, 1024) for way in ("naive", "tiled"))
    checks.at_least(matrix.extra_mib, 2 * 16.0, "MiB of naive attention: two matrices of 16 MiB")
    checks.at_most(tiles.extra_mib, 16.0, "MiB in tiles")
    assert matrix.seconds > 0


@needs_proc
def test_a_failure_is_one_line():
    with pytest.raises(ValueError, match="nobody attention failed at 8 tokens: KeyError") as error:
        attention_memory.measure(Config(), "nobody", 8)
    assert "\n" not in str(error.value)


def test_table_and_picture(tmp_path):
    costs = [Cost(way, T, T / 8, T / 1e4) for T in (64, 128) for way in attention_memory.WAYS]
    assert len(attention_memory.table(costs).splitlines()) == 3
    assert attention_memory.draw(costs, tmp_path / "memory.png").stat().st_size > 0


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Config(lengths=(512, 0))
    with pytest.raises(ValueError, match="at least 1"):
        Config(lengths=())
