"""The pure parts of the forecasts: limits that must come out, a fit of planted constants."""

from dataclasses import replace

import pytest

from phase2_scaling.project import (
    gpu_model,
    hardware,
    layouts,
    local_model,
    local_runs,
    simulator,
    simulator_figures,
)
from phase2_scaling.project.layouts import Layout
from phase2_scaling.project.local_model import Machine, Run
from phase2_scaling.solution.cost_model import Link, ring_all_reduce_s
from phase2_scaling.solution.model import GPTConfig
from shared import checks

FREE = {"alpha_s": 0.0, "core_s": 0.0, "beta_s_per_byte": 0.0}
H100 = hardware.find("h100")
GPT_7B = GPTConfig(
    vocab_size=32_000, block_size=4096, n_layer=32, n_head=32, n_embd=4096, tied=False
)


# This machine


def alone(workload, here_s=0.003):
    """Parts of a step of one process that waits as it should, and computes a little besides."""
    wait_s = workload.n_micro * workload.wait_s
    forward_s, backward_s = wait_s + here_s, 2 * (wait_s + here_s)
    every_s = forward_s + backward_s + here_s
    parts = {"forward": forward_s, "backward": backward_s, "optimizer": here_s, "all": every_s}
    return parts | {"core": 4 * here_s}


def planned(workload, n, machine):
    """The parts of a step on n processes of a machine that obeys the model."""
    run = Run(workload, n, alone(workload))
    seconds = local_model.predict(run, machine)
    return alone(workload) | {"all": seconds, "core": local_model.core_seconds(run, machine)}


@pytest.mark.parametrize("workload", simulator.WORKLOADS, ids=str)
def test_one_process_takes_its_own_time(workload):
    parts = alone(workload)
    seconds = local_model.predict(Run(workload, 1, parts), Machine(2, **FREE))
    checks.close(seconds, parts["all"], "a step of one process", rtol=1e-9)


def test_without_messages_what_waits_goes_on_side_by_side():
    machine = Machine(2, **FREE)
    replicas, _, stages, slices = simulator.WORKLOADS
    for n in (2, 4, 8):
        crowd = n / 2
        seconds = local_model.predict(Run(replicas, n, alone(replicas)), machine)
        expected = 3 * replicas.wait_s + crowd * 4 * 0.003
        checks.close(seconds, expected, f"{n} replicas on 2 cores", rtol=1e-9)
        seconds = local_model.predict(Run(slices, n, alone(slices)), machine)
        expected = 3 * slices.wait_s / n + crowd * 4 * 0.003
        checks.close(seconds, expected, f"{n} slices on 2 cores", rtol=1e-9)
        parts, m = alone(stages), stages.n_micro
        seconds = local_model.predict(Run(stages, n, parts), machine)
        work = (parts["forward"] + parts["backward"]) / (n * m)
        expected = work * (m + n - 1) + parts["optimizer"] / n
        checks.close(seconds, expected, f"{n} stages and their bubble", rtol=1e-9)


def test_messages_of_replicas_cost_what_the_ring_costs():
    machine = Machine(2, alpha_s=1e-4, core_s=2e-4, beta_s_per_byte=2e-9)
    replicas = replace(simulator.WORKLOADS[1], bucket_bytes=2**30)
    n_bytes = 4 * local_model.counting.n_parameters(replicas.config)
    seconds = local_model.predict(Run(replicas, 4, alone(replicas)), machine)
    # Six messages, one after the other; four ranks on two cores, so all work takes twice as long.
    ring_s = 6 * (1e-4 + 2 * 2e-4) + 2 * 1.5 * n_bytes * 2e-9
    expected = 3 * replicas.wait_s + 2 * 4 * 0.003 + ring_s
    checks.close(seconds, expected, "4 replicas on 2 cores, one bucket", rtol=1e-9)
    core_s = local_model.core_seconds(Run(replicas, 4, alone(replicas)), machine)
    expected = 4 * 0.003 + 6 * 2e-4 + 1.5 * n_bytes * 2e-9
    checks.close(core_s, expected, "a core's time for one of them", rtol=1e-9)


def test_the_fit_finds_planted_constants():
    planted = Machine(2, 3e-4, 2e-4, 1.5e-9)
    both = [(w, n) for w in simulator.WORKLOADS for n in simulator.FITTED]
    runs = [Run(workload, n, alone(workload)) for workload, n in both]
    found = local_model.fit(runs, [planned(*pair, planted) for pair in both], cores=2)
    checks.close(found.alpha_s, planted.alpha_s, "alpha", rtol=1e-2)
    checks.close(found.core_s, planted.core_s, "a core's time for a message", rtol=1e-2)
    checks.close(found.beta_s_per_byte, planted.beta_s_per_byte, "beta", rtol=1e-2)


# GPUs


def layout(dp=1, tp=1, pp=1, zero=0, n_micro=1, batch_size=1, recompute=False):
    return Layout(dp, tp, pp, zero, recompute, batch_size, n_micro)


def test_one_gpu_computes_all_the_time():
    for n_micro in (1, 30):
        found = gpu_model.forecast(GPT_7B, layout(n_micro=n_micro), H100)
        checks.close(found.mfu, gpu_model.KERNELS, f"MFU of {n_micro} micro-batches", rtol=1e-9)
    again = gpu_model.forecast(GPT_7B, layout(recompute=True), H100)
    checks.at_most(again.mfu, 0.80 * gpu_model.KERNELS, "MFU with blocks recomputed")
    checks.at_least(again.mfu, 0.74 * gpu_model.KERNELS, "MFU with blocks recomputed")


def test_stages_lose_the_bubble_and_little_else():
    found = gpu_model.forecast(GPT_7B, layout(pp=4, n_micro=12), H100)
    checks.close(found.mfu, gpu_model.KERNELS * 12 / 15, "MFU of 4 stages", rtol=0.03)


def test_cut_layers_lose_what_their_sums_take():
    forward_s, backward_s = gpu_model.compute_s(GPT_7B, layout(tp=8), H100)
    stream = 2 * 4096 * 4096  # bytes of one sequence
    sums_s = 64 * ring_all_reduce_s(stream, 8, Link(layouts.ALPHA_LINK_S, 1 / 450e9))
    trees_s = 64 * (6 * layouts.ALPHA_LINK_S + 2 * stream / 450e9)
    lone_f, lone_b = gpu_model.compute_s(GPT_7B, layout(), H100)
    checks.close(forward_s, lone_f / 8 + min(sums_s, trees_s), "forward of an eighth")
    checks.close(backward_s, lone_b / 8 + min(sums_s, trees_s), "backward of an eighth")


def test_gradients_hide_behind_backward_unless_there_is_too_little_of_it():
    much, little = (layout(dp=64, zero=1, n_micro=1, batch_size=b) for b in (8, 1))
    slow = replace(H100, network_bytes_per_s=1e9)
    checks.at_least(gpu_model.forecast(GPT_7B, much, H100).mfu, 0.59, "MFU with much to compute")
    checks.at_most(gpu_model.forecast(GPT_7B, little, slow).mfu, 0.15, "MFU on a slow network")
    weights_too = replace(little, zero=3)
    checks.at_most(
        gpu_model.forecast(GPT_7B, weights_too, slow).mfu,
        gpu_model.forecast(GPT_7B, little, slow).mfu,
        "MFU if weights travel too",
    )


def test_an_all_reduce_is_a_ring_for_few_and_trees_for_many():
    link = Link(1e-5, 1e-11)
    checks.close(gpu_model.all_reduce_s(1e9, 4, link), ring_all_reduce_s(1e9, 4, link), "4 ranks")
    checks.close(gpu_model.all_reduce_s(1e6, 1024, link), 20e-5 + 2e-5, "1,024 ranks")
    checks.equal(gpu_model.all_reduce_s(1e9, 1, link), 0.0, "one rank")


def test_replicas_end_where_the_sequences_end():
    forecasts = {n: gpu_model.best_of_each(GPT_7B, H100, n, 256) for n in (64, 512)}
    checks.law(forecasts[64]["replicas alone"], "64 replicas share 256 sequences")
    checks.equal(forecasts[512]["replicas alone"], None, "512 replicas, 256 sequences")
    for families in forecasts.values():
        best = families["all three"]
        for found in filter(None, families.values()):
            checks.at_most(best.seconds, found.seconds, "the best of all, and a family's best")
        checks.law(gpu_model.fits(GPT_7B, best.layout, H100), "the best fits")
    told = simulator.last_alone(forecasts)
    assert told == "Replicas alone reach 64 GPUs; more cuts are faster on 512."


def test_what_does_not_fit_has_no_forecast(tmp_path):
    config = simulator.Config(n_layer=80, n_embd=8192)
    small = gpu_model.best_of_each(config.model, hardware.find("t4"), 8, 1024)
    assert set(small.values()) == {None}
    forecasts = {8: small, 64: gpu_model.best_of_each(config.model, H100, 64, 1024)}
    assert "does not fit" in simulator.report_gpus(forecasts)
    path = simulator.draw_gpus(config, forecasts, tmp_path)
    assert path.stat().st_size > 10_000


def test_constants_fitted_to_few_processes_predict_eight(monkeypatch):
    planted = Machine(simulator.usable_cores(), 2e-4, 3e-4, 1e-9)
    monkeypatch.setattr(
        simulator.local_runs, "measure", lambda workload, n, steps: planned(workload, n, planted)
    )
    test = simulator.test_here(simulator.Config(rounds=1))
    assert {run.n for run in test.runs} == {1, 2, 4, 8}
    checks.at_most(max(map(abs, test.errors)), 0.02, "error on a machine that obeys the model")


def test_the_test_is_told_and_drawn(tmp_path):
    machine = Machine(2, 1e-4, 1e-4, 1e-9)
    runs = [Run(w, n, alone(w)) for w in simulator.WORKLOADS for n in (1, 2, 4, 8)]
    measured = [1.1 * local_model.predict(run, machine) for run in runs]
    test = simulator.Test(machine, runs, measured)
    checks.close(test.errors, [1 / 1.1 - 1] * 4, "errors of what was not fitted")
    told = simulator.report_test(test)
    assert told.count("fitted") == 8
    assert "the largest error is 9.1%" in told
    path = tmp_path / "local.png"
    simulator_figures.draw_test(test.runs, test.predicted_s, test.measured_s, path)
    assert path.stat().st_size > 10_000


def test_a_real_step_of_each_kind_takes_as_long_as_it_waits():
    for workload in simulator.WORKLOADS:
        short = replace(workload, wait_s=workload.wait_s / 4)
        parts = local_runs.measure(short, 2, steps=1)
        # Two stages or slices share the waiting, and stages have a bubble; nothing is faster.
        least = {"replicas": 1, "slices": 1 / 2, "stages": 1 / 2}[workload.way]
        checks.at_least(parts["all"], 3 * short.n_micro * short.wait_s * least, f"{short}")
        checks.at_least(parts["core"], 1e-4, f"a core's time in a step of {short}")


@pytest.mark.parametrize(
    ("flags", "says"),
    [({"n_embd": 100}, "128"), ({"gpu": "abacus"}, "abacus"), ({"steps": 0}, "positive")],
)
def test_bad_settings_are_refused(flags, says):
    checks.raises(lambda: simulator.Config(**flags), ValueError, f"{flags}", says)
