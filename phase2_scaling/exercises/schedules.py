"""Pipeline schedules: in which order a stage works on the micro-batches of a step.

p stages in a row have a part of the model each. A batch is cut into m micro-batches, so that while
the second stage works on the first of them, the first stage has the second one. `pipeline.py`
obeys the orders given here.
"""

from typing import NamedTuple


class Action(NamedTuple):
    """One thing that a stage does, such as Action("forward", 0); it prints as F0 or B0."""

    kind: str  # "forward" or "backward"
    micro: int  # index of the micro-batch

    def __str__(self) -> str:
        return f"{self.kind[0].upper()}{self.micro}"


def gpipe(n_stages: int, n_micro: int, stage: int) -> list[Action]:
    """First every forward, then every backward; the same order on each stage.

    Huang et al. 2018 (arXiv:1811.06965), section 2.2. Their figure runs the backward passes in
    reverse; here, as in PyTorch, both kinds go through the micro-batches from 0 up, so that every
    schedule adds gradients in one order and none is a rounding error away from another.

    Args:
        n_stages: p.
        n_micro: m, at least 1; it may be less than p.
        stage: 0 is the one with the embeddings, p - 1 the one with the loss.

    Returns:
        2 m actions. Waiting is none: a stage waits by itself for what has not arrived.

    Raises:
        ValueError: if there is no such stage, or no micro-batch.
    """
    if not (0 <= stage < n_stages and n_micro >= 1):
        raise ValueError(f"no stage {stage} of {n_stages}, or no work in {n_micro} micro-batches")
    # TODO 2.22: Every forward of this stage in order, then every backward in order; each micro-
    # batch passes through each stage.
    raise NotImplementedError("exercise 2.22: gpipe")


def one_f_one_b(n_stages: int, n_micro: int, stage: int) -> list[Action]:
    """Each micro-batch goes backward as soon as it can, which frees its activations: 1F1B.

    Narayanan et al. 2021 (arXiv:2104.04473), section 2.2.1, from PipeDream (arXiv:1806.03377). In
    three parts. Warm-up: one forward for each stage that follows (fewer if there are not so many
    micro-batches), so that the last stage has something to do as soon as possible. Then, while
    there are forwards left, one forward and one backward in turn. Cool-down: the backwards that
    remain. Both kinds go through the micro-batches from 0 up.

    A stage thus never holds the activations of more than min(m, p - stage) micro-batches, however
    many there are. The step takes as long as `gpipe`'s.

    Args:
        n_stages: p.
        n_micro: m, at least 1; it may be less than p.
        stage: 0 is the one with the embeddings, p - 1 the one with the loss.

    Returns:
        2 m actions, each forward and each backward once.

    Raises:
        ValueError: if there is no such stage, or no micro-batch.
    """
    if not (0 <= stage < n_stages and n_micro >= 1):
        raise ValueError(f"no stage {stage} of {n_stages}, or no work in {n_micro} micro-batches")
    # TODO 2.22: As many forwards as there are stages after this one, then forward and backward in
    # turn, then the backwards that remain; never more than min(m, p - stage) micro-batches held.
    raise NotImplementedError("exercise 2.22: one_f_one_b")


def bubble(n_stages: int, n_micro: int) -> float:
    """The share of a step in which a stage has nothing to do.

    It is the same for each stage and for both schedules, if all stages take equally long for a
    micro-batch, t_f forward and t_b backward, and messages take no time.

    Args:
        n_stages: p.
        n_micro: m.

    Returns:
        A share of the whole step, idle and working time together: at least 0 and less than 1.
        (Narayanan et al., section 2.2.1, divide by the working time alone.)

    Raises:
        ValueError: if there is no stage, or no micro-batch.
    """
    if n_stages < 1 or n_micro < 1:
        raise ValueError(f"no pipeline has {n_stages} stages and {n_micro} micro-batches")
    # TODO 2.22: The idle slots of a stage over all the slots of a step.
    raise NotImplementedError("exercise 2.22: bubble")
