"""The training program: the same run on any number of processes, and a resumed one the same."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator, DistributedType, FullyShardedDataParallelPlugin

from phase2_scaling.project import processes
from phase2_scaling.project.config import PRESETS, Config
from phase2_scaling.project.trainer import decay_groups, schedule, seed_step
from phase2_scaling.solution.model import GPT, IGNORED, next_token_loss
from phase2_scaling.tests.launched import losses, records, run, small, stop_after
from shared import ranks, runs

# A sum of float32 numbers in another order: 1e-7 a step, which AdamW's division makes more of.
ROUNDING = 2e-5


def plain_losses(config):
    """Oracle: the same run as one loop over whole batches, without Accelerate or our sampler."""
    text = np.frombuffer(Path(config.data).read_bytes(), np.uint8)
    text = torch.from_numpy(text[: len(text) - len(text) // 10].astype(int))
    T, model = config.block_size, GPT(config.model(), torch.Generator().manual_seed(config.seed))
    optimizer = torch.optim.AdamW(
        decay_groups(model, config.weight_decay), lr=config.lr, betas=config.betas
    )
    pieces = [text[begin : begin + T + 1] for begin in range(0, len(text) - 1, T)]
    told, epoch = [], 0
    while len(told) < config.max_steps:
        generator = torch.Generator().manual_seed(config.seed + epoch)
        order = torch.randperm(len(pieces), generator=generator)
        for batch in order.split(config.batch_size)[: config.max_steps - len(told)]:
            x, y = torch.zeros(2, len(batch), T, dtype=torch.int64).fill_(IGNORED)
            for row, index in enumerate(batch):
                piece = pieces[index]
                x[row], y[row, : len(piece) - 1] = 0, piece[1:]
                x[row, : len(piece) - 1] = piece[:-1]
            for group in optimizer.param_groups:
                group["lr"] = config.lr * schedule(config, len(told))
            optimizer.zero_grad()
            loss = next_token_loss(model(x)[0], y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
            optimizer.step()
            told.append(loss.item())
        epoch += 1
    return told


# -- the same run on any number of processes --------------------------------------------------


def test_one_two_and_three_processes_take_the_same_steps(tmp_path):
    config = small(tmp_path)
    expected = plain_losses(config)
    found = {}
    for n in (1, 2, 3):
        found[n] = run(n, replace(config, name=f"on-{n}"))
        assert losses(replace(config, name=f"on-{n}")) == pytest.approx(expected, rel=ROUNDING)
    tokens = [record["n_tokens"] for record in records(replace(config, name="on-3"))]
    assert len(set(tokens)) > 1, "no batch is uneven, so this test proves little"
    assert found[1].val_loss == pytest.approx(found[2].val_loss, rel=ROUNDING)
    assert found[1].n_tokens == found[3].n_tokens == sum(tokens)


def test_a_process_without_a_launcher(tmp_path):
    """Accelerate without a group: ranks.run has made one, which nobody joins here."""
    config = small(tmp_path, name="alone")

    def alone():
        from phase2_scaling.project import train

        torch.distributed.destroy_process_group()
        return train.train(config)

    [result] = ranks.run(1, alone)
    assert result.processes == "1 process, no group, cpu"
    assert losses(config) == pytest.approx(plain_losses(config), rel=ROUNDING)


def test_one_process_writes_each_file_once(tmp_path):
    config = small(tmp_path)
    result = run(2, config)
    files = {str(path.relative_to(result.path)) for path in result.path.rglob("*")}
    saved = {f"checkpoints/step-{step:08d}" for step in (8, 12)}
    assert files == {
        *("config.json", "metrics.jsonl", "results.json", "checkpoints"),
        *saved,
        *(f"{folder}/{name}" for folder in saved for name in ("arrays.safetensors", "state.json")),
        *("hf", "hf/config.json", "hf/model.safetensors"),
        *("ranks", "ranks/rank-0.json", "ranks/rank-1.json"),
    }
    assert [record["step"] for record in records(config)] == list(range(1, 13))
    told = json.loads((result.path / "results.json").read_text())
    assert told["processes"] == "2 processes, gloo, cpu"
    assert told["val_loss"] == result.val_loss


def test_bfloat16_is_near_float32(tmp_path):
    config = small(tmp_path)
    run(1, config)
    half = replace(config, name="half", mixed_precision="bf16")
    run(2, half)
    # 8 bits of bfloat16: 2**-8 of the logits, which are small as yet.
    assert losses(half) == pytest.approx(losses(config), rel=2e-2)
    assert losses(half) != pytest.approx(losses(config), rel=ROUNDING)


# -- a resumed run ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3])
def test_as_many_processes_go_on_bit_by_bit(n, tmp_path):
    """With dropout, after a stop in mid-epoch that is no multiple of save_every."""
    config = small(tmp_path, dropout=0.2)
    whole = run(n, config)
    cut = replace(config, name="cut")
    with pytest.raises(KeyError):
        run(n, cut, prepare=stop_after(7))
    resumed = run(n, replace(cut, resume=True))
    assert resumed.weights_sha256 == whole.weights_sha256
    assert losses(cut) == losses(config)
    assert [record["step"] for record in records(cut)] == list(range(1, 13))
    assert resumed.n_tokens == whole.n_tokens


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 3), (3, 4)])
def test_another_number_of_processes_goes_on_with_the_curve(before, after, tmp_path):
    config = small(tmp_path)
    expected = plain_losses(config)
    with pytest.raises(KeyError):
        run(before, config, prepare=stop_after(7))
    run(after, replace(config, resume=True, micro_batch_size=3))
    assert losses(config) == pytest.approx(expected, rel=ROUNDING)


def press_ctrl_c_in_step(step):
    def prepare():
        from phase2_scaling.project import train

        take = train.Trainer.step

        def step_and_press(self):
            if self.done == step:
                os.kill(os.getpid(), signal.SIGINT)
            return take(self)

        train.Trainer.step = step_and_press

    return prepare


def test_ctrl_c_saves_and_stops(tmp_path):
    config = small(tmp_path)
    whole = run(1, config)
    cut = replace(config, name="cut")
    with pytest.raises(KeyboardInterrupt):
        run(1, cut, prepare=press_ctrl_c_in_step(5))
    assert runs.load_checkpoint(tmp_path / "phase2" / "cut").step == 6
    assert run(1, replace(cut, resume=True)).weights_sha256 == whole.weights_sha256


def test_other_settings_cannot_be_resumed(tmp_path):
    config = small(tmp_path)
    run(1, config)
    with pytest.raises(runs.RunError, match="lr"):
        run(1, replace(config, resume=True, lr=1.0))


def test_a_run_at_its_end_can_be_resumed(tmp_path):
    config = small(tmp_path)
    whole = run(2, config)
    again = run(1, replace(config, resume=True))
    assert again.weights_sha256 == whole.weights_sha256
    assert again.val_loss == pytest.approx(whole.val_loss, rel=1e-6)


# -- FSDP2 ------------------------------------------------------------------------------------


def shard():
    """Have Accelerate shard on a CPU, which 1.15 does on GPUs only.

    AcceleratorState chooses FSDP for MULTI_GPU and its like, not for MULTI_CPU. Whatever comes
    after that choice, `prepare` above all, works on a CPU as well.
    """

    def join(*_):
        plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=["Block"],
            reshard_after_forward=True,
        )
        accelerator = Accelerator(cpu=True, fsdp_plugin=plugin)
        accelerator.state.distributed_type = DistributedType.FSDP
        accelerator.state.fsdp_plugin = plugin
        return accelerator

    processes.join = join


def test_sharded_processes_take_the_same_steps(tmp_path):
    config = small(tmp_path)
    expected = plain_losses(config)
    run(2, config, prepare=shard)
    assert losses(config) == pytest.approx(expected, rel=ROUNDING)


def test_a_sharded_run_goes_on_as_replicas_and_back(tmp_path):
    config = small(tmp_path)
    expected = plain_losses(config)

    def shard_and_stop():
        shard()
        stop_after(7)()

    with pytest.raises(KeyError):
        run(2, config, prepare=shard_and_stop)
    with pytest.raises(KeyError):
        run(3, replace(config, resume=True), prepare=stop_after(10))
    run(2, replace(config, resume=True), prepare=shard)
    assert losses(config) == pytest.approx(expected, rel=ROUNDING)


# -- parts ------------------------------------------------------------------------------------


def test_what_has_two_axes_decays():
    model = GPT(Config(n_layer=1, n_embd=8, n_head=1).model())
    decays, rest = decay_groups(model, 0.1)
    assert {p.ndim for p in decays["params"]} == {2}
    assert {p.ndim for p in rest["params"]} == {1}
    held = [id(p) for group in (decays, rest) for p in group["params"]]
    assert sorted(held) == sorted(map(id, model.parameters()))
    assert (decays["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)


def test_the_schedules_at_their_corners():
    wsd = Config(schedule="wsd", warmup_steps=4, decay_steps=10, max_steps=100, min_lr_share=0.1)
    assert [schedule(wsd, step) for step in (0, 3, 4, 90)] == [0.25, 1, 1, 1]
    assert schedule(wsd, 95) == pytest.approx(0.1 + 0.9 * 0.5)
    cosine = replace(wsd, schedule="cosine")
    assert schedule(cosine, 4) == 1
    assert schedule(cosine, 52) == pytest.approx(0.1 + 0.9 * 0.5)
    assert schedule(cosine, 100) == pytest.approx(0.1)


def test_dropout_differs_by_step_and_rank():
    drawn = set()
    for seed, step, rank in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)):
        seed_step(seed, step, rank)
        drawn.add(torch.rand(()).item())
    assert len(drawn) == 4


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        *(("batch_size", 0), ("hang_s", 0), ("dropout", 1.0), ("vocab_size", 255), ("seed", -1)),
        *(("n_embd", 10), ("warmup_steps", 200), ("name", "a/b"), ("betas", (0.9, 1.0))),
    ],
)
def test_impossible_settings_are_refused(flag, value):
    with pytest.raises(ValueError, match=flag):
        Config(**{flag: value})


def test_gpt2_is_gpt2_large_enough():
    model = PRESETS["gpt2-124m"].model()
    with torch.device("meta"):
        n_parameters = sum(p.numel() for p in GPT(model).parameters())
    # GPT-2's 124,439,808 and 47 rows of padding.
    assert n_parameters == 124_439_808 + 47 * 768
