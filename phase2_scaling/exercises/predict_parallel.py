"""Before you spread a model: what travels, and who waits? Two questions.

Answer by returning literals. The finished file asks the cost model and the schedules of this phase.
"""

from phase2_scaling.solution import cost_model, schedules


def bytes_sent_by_a_rank() -> float:
    """Four GPUs add up their gradients around a ring. How many bytes does each of them send?

    The gradients are 1e9 bytes on each GPU, and in the end all four have the whole sum. A GPU only
    ever talks to its two neighbours.

    Return a number, right to 3 %.
    """
    # TODO 2.17: Return the bytes that one GPU sends, both rounds together.
    raise NotImplementedError("exercise 2.17: bytes_sent_by_a_rank")


def idle_share_of_a_pipeline() -> float:
    """Eight stages, a batch in 24 micro-batches, 1F1B: which share of a step is a GPU idle?

    All stages take equally long, a backward pass twice as long as a forward pass, and messages
    take no time. The step begins with the first forward pass and ends with the last backward one.

    Return a number between 0 and 1, right to 2 %.
    """
    # TODO 2.17: Return idle time over the whole step, idle and working time together.
    raise NotImplementedError("exercise 2.17: idle_share_of_a_pipeline")
