"""The launcher: as many processes as were asked for, or one clear line."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from accelerate import Accelerator
from accelerate.commands.config.config_args import load_config_from_file

from phase2_scaling.project import launch, processes
from phase2_scaling.tests.launched import join, losses, small
from shared import ranks, runs

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "phase2_scaling" / "configs"
TRAIN = "phase2_scaling.project.train"


def flags(config):
    """The command line of a config of `launched.small`."""
    names = (
        *("data", "root", "name", "block_size", "n_layer", "n_head", "n_embd", "batch_size", "lr"),
        *("micro_batch_size", "max_steps", "warmup_steps", "decay_steps", "eval_every", "device"),
    )
    words = [(f"--{name.replace('_', '-')}", str(getattr(config, name))) for name in names]
    return [word for pair in words for word in pair]


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, timeout_s=120):
    out, err = process.communicate(timeout=timeout_s)
    return process.returncode, out, err


# -- the number of processes ------------------------------------------------------------------


@pytest.fixture
def no_launcher(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "ACCELERATE_USE_CPU", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_launcher_nothing_is_asked_for(no_launcher):
    assert processes.launched() is None


def test_torchrun_tells_how_many_it_started(no_launcher, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert processes.launched() == 4


def test_accelerates_lonely_process_is_noticed(no_launcher, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert processes.launched() is None  # --num_processes 1 sets no place to meet
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.raises(ValueError, match="has started one"):
        processes.launched()


def test_a_refusal_is_spoken_by_one_rank(no_launcher, monkeypatch):
    with pytest.raises(ValueError, match="because"):
        processes.refuse("because")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit) as stopped:
        processes.refuse("because")
    assert stopped.value.code == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU there is no such trap")
def test_without_cpu_each_process_believes_that_it_is_alone():
    """The other trap: torchrun's two processes, and Accelerate's word for them."""

    def believe():
        join()
        return Accelerator().num_processes

    assert ranks.run(2, believe) == [1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["--cpu", "MULTI_CPU"])
def test_the_trap_is_still_there(how, tmp_path):
    """If this fails, Accelerate starts two now: rejoice, and take the trap out of the lesson."""
    told = ["--cpu", "--num_processes", "2"]
    if how == "MULTI_CPU":
        config = yaml.safe_load((CONFIGS / "cpu.yaml").read_text())
        file = tmp_path / "multi_cpu.yaml"
        file.write_text(yaml.safe_dump(config | {"distributed_type": "MULTI_CPU", "use_cpu": True}))
        told = ["--config_file", str(file)]
    words = ["accelerate.commands.launch", *told, "--quiet", "--module", TRAIN]
    code, out, err = finish(start(*words, "--root", str(tmp_path)))
    assert code == 1  # Accelerate's word for our 2
    errors = [line for line in err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert "has started one" in errors[0]
    assert "process" not in out
    assert not (tmp_path / "phase2").exists()


@pytest.mark.slow
def test_two_processes_of_the_launcher(tmp_path):
    config = small(tmp_path)
    told = " ".join(flags(config))
    code, out, err = finish(start(launch.__name__, "--nproc", "2", f"--args={told}"))
    assert code == 0, err
    assert out.splitlines()[0] == "2 processes, gloo, cpu"
    assert out.count("validation loss") == 3  # two looks and the headline, of one process
    assert len(losses(config)) == config.max_steps


@pytest.mark.slow
def test_another_number_than_asked_for_is_one_line(tmp_path):
    config = small(tmp_path)
    told = " ".join([*flags(config), "--processes", "3"])  # after the launcher's own: it wins
    code, _, err = finish(start(launch.__name__, "--nproc", "2", f"--args={told}"))
    assert code == 2
    spoken = [line for line in err.splitlines() if line.startswith("error")]
    assert spoken[0].startswith("error: 3 processes were asked for, this run has 2")
    assert re.match(r"error: rank \d ended with exit code 2", spoken[1])
    assert not (tmp_path / "phase2").exists()


@pytest.mark.slow
def test_two_nodes_on_one_machine(tmp_path):
    """Two launchers, each with its own address, that meet at a free port; the shipped config."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = small(tmp_path)
    launchers = [
        start(
            launch.__name__,
            *("--nproc", "2", "--config", str(CONFIGS / "nodes2x8.yaml")),
            *("--machine", str(node), "--main", f"127.0.0.1:{port}"),
            *("--address", f"127.0.0.{node + 1}", f"--args={' '.join(flags(config))}"),
        )
        for node in range(2)
    ]
    ends = [finish(launcher) for launcher in launchers]
    assert [code for code, _, _ in ends] == [0, 0], ends
    spoken = [out for _, out, _ in ends if out]
    assert len(spoken) == 1, "both nodes have spoken"
    assert spoken[0].splitlines()[0] == "2 processes, gloo, cpu"
    assert len(losses(config)) == config.max_steps
    assert runs.load_checkpoint(tmp_path / "phase2" / "a").step == config.max_steps


# -- the command and the configs --------------------------------------------------------------


def test_the_command_of_one_machine():
    words = launch.words(launch.Config(nproc=4, args="--lr 1e-3 --name 'a b'"))
    assert words[:4] == ["--config_file", str(CONFIGS / "cpu.yaml"), "--num_processes", "4"]
    assert words[-6:] == ["--processes", "4", "--lr", "1e-3", "--name", "a b"]
    assert "--main_process_ip" not in words


def test_the_command_of_the_second_machine():
    words = launch.words(launch.Config(nproc=16, machine=1, main="node0:29500"))
    assert words[words.index("--main_process_ip") + 1] == "node0"
    assert words[words.index("--main_process_port") + 1] == "29500"
    assert words[words.index("--rdzv_conf") + 1] == "is_host=0"


@pytest.mark.parametrize(
    ("flag", "value"), [("nproc", 0), ("config", Path("no.yaml")), ("main", "node0")]
)
def test_impossible_launches_are_refused(flag, value):
    with pytest.raises(ValueError, match=flag):
        launch.Config(**{flag: value})


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_each_config(path):
    """Every one of them starts several processes; its header says how, and of which file."""
    config = load_config_from_file(str(path))
    assert config.num_processes >= 2
    assert str(config.distributed_type).removeprefix("DistributedType.") != "MULTI_CPU"
    header = path.read_text().partition("compute_environment")[0]
    assert f"phase2_scaling/configs/{path.name}" in header
    assert all(line.startswith("#") for line in header.splitlines())


def test_fsdp_wraps_the_models_blocks():
    from phase2_scaling.solution import model

    config = load_config_from_file(str(CONFIGS / "fsdp2.yaml")).fsdp_config
    assert config["fsdp_version"] == 2
    assert hasattr(model, config["fsdp_transformer_layer_cls_to_wrap"])


@pytest.mark.skipif(os.name == "nt", reason="bash")
def test_the_slurm_script_starts_a_launcher_on_each_machine(tmp_path):
    """Run by bash with Slurm's commands played by two small scripts."""
    for name, body in {
        "scontrol": "echo node0; echo node1",
        "srun": 'shift; SLURM_NODEID=1 exec "$@"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", str(CONFIGS / "slurm.sh"), "--preset", "gpt2-124m"],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "SLURM_JOB_NODELIST": "node[0-1]",
            "SLURM_JOB_ID": "41234",
            "SLURM_NNODES": "2",
            "SLURM_RESTART_COUNT": "1",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        *("-m", "phase2_scaling.project.launch"),
        *("--config", "phase2_scaling/configs/nodes2x8.yaml", "--nproc", "16"),
        *("--machine", "1", "--main", "node0:21234", "--max-restarts", "3"),
        "--args=--preset gpt2-124m --resume",
    ]
