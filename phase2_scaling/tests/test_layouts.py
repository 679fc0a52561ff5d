"""Layouts use every GPU, fit, and are the fastest; the time on the wire by hand."""

import pytest

from phase2_scaling.project import hardware, layouts
from phase2_scaling.project.layouts import Layout
from phase2_scaling.solution.counting import flops_per_token, n_parameters
from phase2_scaling.solution.model import GPTConfig
from shared import checks

H100 = hardware.find("h100")
SMALL = GPTConfig(vocab_size=32_000, block_size=1024, n_layer=12, n_head=8, n_embd=1024)
LARGE = GPTConfig(vocab_size=32_000, block_size=2048, n_layer=80, n_head=64, n_embd=8192)
ALONE = Layout(dp=1, tp=1, pp=1, zero=0, recompute=False, batch_size=4, n_micro=2)


def layout(**changes):
    return Layout(**{**vars(ALONE), **changes})


def test_every_layout_uses_all_gpus_and_the_whole_batch():
    found = list(layouts.layouts(LARGE, n_gpus=64, batch_sequences=512, node=8))
    for one in found:
        checks.equal(one.dp * one.tp * one.pp, 64, f"GPUs of {one}")
        checks.equal(one.dp * one.n_micro * one.batch_size, 512, f"sequences of {one}")
        checks.at_most(one.tp, 8, f"tp of {one}")
        checks.law(one.zero < 2 or one.tp * one.pp == 1, f"ZeRO-2 and 3 stand alone: {one}")
    checks.equal(len(set(found)), len(found), "different layouts")
    checks.law(any(one.tp == 8 and one.pp == 8 for one in found), "8 x 8 is among them")
    checks.law(any(one.zero == 3 for one in found), "ZeRO-3 is among them")
    odd = list(layouts.layouts(SMALL, n_gpus=3, batch_sequences=6, node=8))
    checks.equal({(one.dp, one.tp, one.pp) for one in odd}, {(3, 1, 1)}, "ways to cut for 3 GPUs")


def test_work_is_operations_over_speed():
    flops = 8 * 1024 * flops_per_token(SMALL)
    expected = flops / (0.5 * H100.peak_flops)
    checks.close(layouts.work_s(SMALL, ALONE, H100, 0.5), expected, "seconds of work, one GPU")
    four = layout(dp=2, pp=2)
    checks.close(layouts.work_s(SMALL, four, H100, 0.5), expected / 2, "twice the batch on four")
    step_s = layouts.step_s(SMALL, layout(pp=4, n_micro=6), H100, 0.5)
    working = layouts.work_s(SMALL, layout(pp=4, n_micro=6), H100, 0.5)
    checks.close(step_s, 1.5 * working, "four stages, six micro-batches: 3 / 6 of waiting")


def test_the_wire_by_hand():
    checks.equal(layouts.wire_s(SMALL, ALONE, H100), 0, "seconds on the wire, one GPU")
    # Two replicas of a server: a ring of two sends the gradients once, in two messages.
    n_bytes = 2 * n_parameters(SMALL)
    expected = 2 * layouts.ALPHA_LINK_S + n_bytes / 450e9
    checks.close(layouts.wire_s(SMALL, layout(dp=2), H100), expected, "two replicas", rtol=1e-9)
    # ZeRO-3 gathers twice and scatters once, half of the bytes each, in both micro-batches.
    expected = 2 * 3 * (layouts.ALPHA_LINK_S + n_bytes / 2 / 450e9)
    actual = layouts.wire_s(SMALL, layout(dp=2, zero=3), H100)
    checks.close(actual, expected, "two replicas under ZeRO-3", rtol=1e-9)
    # ZeRO-2 scatters in both and gathers once.
    actual = layouts.wire_s(SMALL, layout(dp=2, zero=2), H100)
    checks.close(actual, expected / 2, "two replicas under ZeRO-2", rtol=1e-9)
    # Two halves of each layer: 4 all-reduces of the stream in 12 blocks, for 2 micro-batches.
    stream = 4 * 1024 * 1024 * 2
    expected = 4 * 12 * 2 * (2 * layouts.ALPHA_LINK_S + stream / 450e9)
    checks.close(layouts.wire_s(SMALL, layout(tp=2), H100), expected, "cut layers", rtol=1e-9)
    expected = expected * 6 / 4
    actual = layouts.wire_s(SMALL, layout(tp=2, recompute=True), H100)
    checks.close(actual, expected, "cut layers, recomputed", rtol=1e-9)


def test_replicas_of_a_server_share_its_network():
    inside = layouts.between_replicas(layout(dp=8), H100)
    checks.close(inside.beta_s_per_byte, 1 / 450e9, "eight replicas in one server", rtol=1e-9)
    across = layouts.between_replicas(layout(dp=16), H100)
    checks.close(across.beta_s_per_byte, 1 / 400e9, "sixteen in two, all cards together", rtol=1e-9)
    alone = layouts.between_replicas(layout(dp=2, tp=8), H100)
    checks.close(
        alone.beta_s_per_byte, 1 / 50e9, "one replica a server, a card for each", rtol=1e-9
    )


@pytest.mark.parametrize("n_gpus", [16, 64])
def test_the_best_layout_fits_and_is_fastest(n_gpus):
    best = layouts.best_layout(LARGE, H100, n_gpus, batch_sequences=256, mfu=0.4)
    room = 0.9 * 80e9
    if best is None:
        every = layouts.layouts(LARGE, n_gpus, 256, 8)
        least = min(sum(layouts.memory_bytes(LARGE, one).values()) for one in every)
        checks.at_least(least, room, f"least bytes on {n_gpus} GPUs, where nothing fits")
        return
    checks.at_most(sum(layouts.memory_bytes(LARGE, best).values()), room, "bytes of the best")
    for one in layouts.layouts(LARGE, n_gpus, 256, 8):
        if layouts.step_s(LARGE, one, H100, 0.4) < layouts.step_s(LARGE, best, H100, 0.4):
            n_bytes = sum(layouts.memory_bytes(LARGE, one).values())
            checks.at_least(n_bytes, room, f"bytes of {one}, which would be faster")


def test_a_model_too_large_fits_nowhere():
    checks.equal(layouts.best_layout(LARGE, H100, 1, 8, 0.4), None, "65 billion on one GPU")


def test_datasheets_agree_with_themselves():
    for name, gpu in hardware.GPUS.items():
        checks.equal(hardware.find(name.upper()), gpu, "found by its name")
        checks.law("datasheet" in gpu.source or "whitepaper" in gpu.source, f"{name} has a source")
        checks.at_least(gpu.memory_bytes_per_s, gpu.link_bytes_per_s, f"{name}: memory beats links")
        slower = gpu.network_bytes_per_s
        checks.at_least(gpu.link_bytes_per_s, slower, f"{name}: links beat the network")
    checks.raises(lambda: hardware.find("h101"), ValueError, "no such GPU", match="h100")
