#!/bin/bash
# Two machines with 8 GPUs each, under Slurm:
#
#     sbatch phase2_scaling/configs/slurm.sh --preset gpt2-124m
#
# One launcher a machine; each starts its 8 processes. Run it from the repository, in a folder that
# all machines see. Where the job is put back into the queue (preempted, or a machine lost) it goes
# on from its newest checkpoint, and where a process dies the launchers start all of them again.
#SBATCH --job-name=phase2
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=runs/slurm-%j.log
set -euo pipefail

read -r main < <(scontrol show hostnames "$SLURM_JOB_NODELIST") # the first of them
port=$((20000 + SLURM_JOB_ID % 20000)) # another job on the same machine has another one
flags="$*"
if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then
    flags="$flags --resume"
fi

# SLURM_NODEID differs from task to task, so the shell of the task has to read it.
export main port flags
srun --kill-on-bad-exit=1 bash -c '
    exec .venv/bin/python -m phase2_scaling.project.launch \
        --config phase2_scaling/configs/nodes2x8.yaml --nproc $((SLURM_NNODES * 8)) \
        --machine "$SLURM_NODEID" --main "$main:$port" --max-restarts 3 --args="$flags"'
