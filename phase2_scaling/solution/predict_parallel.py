"""Before you spread a model: what travels, and who waits? Two questions.

Answer by returning literals. The finished file asks the cost model and the schedules of this phase.
"""

from phase2_scaling.solution import cost_model, schedules


def bytes_sent_when_sharded() -> float:
    """Four GPUs keep a quarter of each parameter (ZeRO-3). How many bytes does each send in a step?

    All parameters together are 1e9 bytes, all gradients too. A layer is gathered before its forward
    pass, let go, and gathered again before its backward pass; its gradient is summed and scattered
    to those who keep it. A GPU only ever talks to its two neighbours on a ring.

    Return a number, right to 3 %.
    """
    a_second_per_byte = cost_model.Link(alpha_s=0.0, beta_s_per_byte=1.0)
    gather, scatter = (
        of(1e9, 4, a_second_per_byte)
        for of in (cost_model.all_gather_s, cost_model.reduce_scatter_s)
    )
    return 2 * gather + scatter


def idle_share_of_a_pipeline() -> float:
    """Eight stages, a batch in 24 micro-batches, 1F1B: which share of a step is a GPU idle?

    All stages take equally long, a backward pass twice as long as a forward pass, and messages
    take no time. The step begins with the first forward pass and ends with the last backward one.

    Return a number between 0 and 1, right to 2 %.
    """
    return schedules.bubble(n_stages=8, n_micro=24)
