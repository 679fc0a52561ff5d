"""Processes as a launcher would start them, but forked: a tenth of a second in place of several."""

import os

import torch._dynamo  # noqa: F401 (an optimiser imports it: here once, not in every process)
import torch.distributed as dist

from phase2_scaling.project import train
from phase2_scaling.project.config import Config
from shared import ranks, runs

TEXT = "".join(f"{n} and {n + 1} make {2 * n + 1}, says the {n % 7}th cat.\n" for n in range(60))


def small(folder, **changes):
    """A run of some seconds, and its text: 2 steps of 12 windows and one of fewer, an epoch."""
    text = folder / "text.txt"
    text.write_text(TEXT[:600], encoding="utf-8")
    settings = {
        "data": str(text),
        "block_size": 16,
        "n_layer": 2,
        "n_head": 2,
        "n_embd": 16,
        "batch_size": 12,
        "micro_batch_size": 2,
        "lr": 1e-2,
        "max_steps": 12,
        "warmup_steps": 2,
        "decay_steps": 4,
        "save_every": 4,
        "eval_every": 6,
        "device": "cpu",
        "root": folder,
        "name": "a",
    }
    return Config(**settings | changes)


def join(restarts=0):
    """Set what torchrun sets for its workers."""
    rank, world_size = str(dist.get_rank()), str(dist.get_world_size())
    os.environ |= {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": world_size,
        "LOCAL_WORLD_SIZE": world_size,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "1",  # where nobody is: the group is there already
        "TORCHELASTIC_RESTART_COUNT": str(restarts),
    }


def on_rank(config, restarts=0, prepare=None):
    """Train on a rank; the main process's result, None of the others."""
    join(restarts)
    if prepare:
        prepare()
    return train.train(config)


def run(n, config, restarts=0, prepare=None):
    """Train on n processes; `prepare()` runs on each of them before."""
    return ranks.run(n, on_rank, config, restarts, prepare)[0]


def records(config):
    """What a run has told of its steps."""
    found = runs.read_metrics(config.root / "phase2" / config.name)
    return [record for record in found if "loss" in record]


def losses(config):
    return [record["loss"] for record in records(config)]


def stop_after(step):
    """A `prepare` that has the process fail when it has done so many steps."""

    def prepare():
        go_on = train.Trainer.step

        def take(self):
            if self.done == step:
                raise KeyError("the end of it")
            return go_on(self)

        train.Trainer.step = take

    return prepare
