"""Where the bytes of a training step go: a closed form for each part, and the peak of their sum.

Rajbhandari et al. 2019 (arXiv:1910.02054), sections 3 and 5, for what a model keeps between steps;
Korthikanti et al. 2022 (arXiv:2205.05198), section 4, for activations, but counted on `model.GPT`
as PyTorch runs it today: attention keeps no (T, T) matrix, and nobody forgets the logits.
"""

from dataclasses import dataclass, replace

import torch

from phase2_scaling.solution.model import GPTConfig

MOMENTS = {"sgd": 0, "momentum": 1, "adam": 2}  # numbers that an optimiser keeps per parameter
FLOAT32 = torch.float32.itemsize
SHARDED_FROM = {"optimiser": 1, "gradients": 2, "parameters": 3}  # ZeRO's stages


@dataclass(frozen=True)
class Plan:
    """How a training step is laid out, seen from one rank."""

    batch_size: int
    """B, sequences in one micro-batch of one rank"""
    n_tokens: int
    """T, tokens in each"""
    dtype: torch.dtype = torch.float32
    """of parameters, gradients and activations; optimisers keep float32 beside a smaller one"""
    optimizer: str = "adam"
    """sgd, momentum or adam"""
    accumulates: bool = False
    """whether gradients of earlier micro-batches are there when a backward pass begins"""
    recompute: bool = False
    """whether a block keeps its input alone and computes the rest again in the backward pass"""
    chunk: int | None = None
    """targets whose logits exist at a time; None is all"""
    zero: int = 0
    """ZeRO's stage: 1 shards the optimiser's state, 2 gradients too, 3 parameters too"""
    dp: int = 1
    """ranks that share the data, and among which ZeRO shards"""
    tp: int = 1
    """ranks that share each layer"""
    pp: int = 1
    """ranks that share the depth"""
    stage: int = 0
    """which of the pp stages this rank is"""
    in_flight: int = 1
    """micro-batches that are through the stage's forward pass and not through its backward pass"""

    def __post_init__(self) -> None:
        if self.optimizer not in MOMENTS:
            raise ValueError(f"optimizer must be one of {[*MOMENTS]}, got {self.optimizer!r}")
        if not 0 <= self.zero <= 3:
            raise ValueError(f"zero must be 0 to 3, got {self.zero}")
        if not 0 <= self.stage < self.pp:
            raise ValueError(f"stage must be 0 to {self.pp - 1}, got {self.stage}")

    @property
    def is_last(self) -> bool:
        """Whether the head and the loss are here."""
        return self.stage == self.pp - 1


def n_blocks(config: GPTConfig, plan: Plan) -> int:
    """Count the blocks of a stage; where they cannot be divided evenly, later stages have more."""
    depth = config.n_layer
    return (plan.stage + 1) * depth // plan.pp - plan.stage * depth // plan.pp


def n_parameters(config: GPTConfig, plan: Plan) -> int:
    """Count the parameters on one rank, before ZeRO shards them.

    Tensor parallelism divides by tp: the weights and biases of q, k, v and `up` (cut by outputs),
    the weights of `proj` and `down` (cut by inputs), the token table and the head (by tokens). Each
    rank has the whole of the rest: norms, the biases of `proj` and `down`, the table of positions.
    A stage of a pipeline has `n_blocks`; the first also has the two tables, the last also the last
    norm and the head. A tied head is the token table itself as long as both are on one stage; on
    two, each has a copy.

    Raises:
        ValueError: tp does not divide the heads and the vocabulary.
    """
    if config.n_head % plan.tp or config.vocab_size % plan.tp:
        raise ValueError(
            f"tp {plan.tp} must divide {config.n_head} heads and {config.vocab_size} tokens"
        )
    # TODO 2.7: Each parameter that the rank has counts once: what tensor parallelism cuts by its
    # share, what it does not cut whole, and each stage has its own part.
    raise NotImplementedError("exercise 2.7: n_parameters")


def states(n_params: int, plan: Plan) -> dict[str, int]:
    """Count the bytes that a rank keeps from step to step.

    Parameters and gradients are of `plan.dtype`. The optimiser keeps `MOMENTS` numbers per
    parameter in float32 and, where the dtype is smaller than that, a float32 copy of the parameter
    as well: with Adam in bfloat16 that makes ZeRO's 2 + 2 + 12 bytes. ZeRO divides among the dp
    ranks what is `SHARDED_FROM` its stage on; a share is rounded up to whole parameters.

    Args:
        n_params: parameters on this rank if nothing were sharded.
        plan: its dtype, optimizer, zero and dp count.

    Returns:
        Bytes of "parameters", "gradients" and "optimiser".
    """
    # TODO 2.7: Bytes of parameters, gradients and optimiser by dtype and optimiser, each of them a
    # share, rounded up, from ZeRO's stage on that shards it.
    raise NotImplementedError("exercise 2.7: states")


def block_activations(config: GPTConfig, plan: Plan) -> int:
    """Count the bytes that one block's forward pass leaves for its backward pass.

    Autograd keeps what a gradient will need, each tensor once, in `plan.dtype`: the inputs of both
    norms and two statistics per token of each; the inputs of the linear layers, of which q, k and v
    share one; q, k and v themselves and what comes out of attention (the input of `proj`), with the
    logarithm of each softmax's denominator, a float32 per head and token; the input of GELU. Of
    sums nothing is kept. With dropout (`config.dropout` > 0) two masks as wide as the stream are.

    Tensor parallelism divides by tp what lies between the cut layers: q, k, v, attention's output
    and logarithms, and all that is four times as wide. The stream, norms and masks stay whole.
    (On a GPU masks are bytes and statistics float32: a trifle.)
    """
    # TODO 2.7: Each tensor that autograd keeps for a block's backward pass counts once, in its
    # dtype; what lies between the cut layers is divided by tp.
    raise NotImplementedError("exercise 2.7: block_activations")


def activations(config: GPTConfig, plan: Plan) -> int:
    """Count the bytes that a rank's whole forward pass leaves for the backward pass.

    Each block leaves `block_activations`, or with recomputation its input alone. On the last stage
    the last norm keeps its input and two statistics per token, the head its input, and the
    cross-entropy the logarithms of all probabilities, (B, T, V / tp); in chunks it does without
    these. A stage that is not the last keeps what it sent on, as wide as the stream. All that is
    there once for each micro-batch in flight.
    """
    # TODO 2.7: The stage's blocks, or their inputs alone if they are recomputed, and what head and
    # loss keep on the last stage, for each micro-batch in flight.
    raise NotImplementedError("exercise 2.7: activations")


def logits(config: GPTConfig, plan: Plan) -> int:
    """Count the bytes of what is as wide as the vocabulary and lives only around the loss.

    When the backward pass begins, these are the gradient of the logarithms of the probabilities and
    that of the logits, (B, T, V / tp) each, in `plan.dtype`; tensor parallelism has a third. (The
    logits are gone by then, the logarithms are among the `activations`.) In chunks they are tables
    of `plan.chunk` targets, or of all if there are fewer, in float32: the logits, the logarithms
    and, if there is more than one chunk, the gradient of the chunk before, until its name is given
    to the next. A stage that is not the last has none.
    """
    # TODO 2.7: The tensors as wide as the vocabulary that live only around the loss: of all targets
    # or of one chunk, of this rank's tokens, on the last stage.
    raise NotImplementedError("exercise 2.7: logits")


# -- their sum, moment by moment --------------------------------------------------------------


def moments(config: GPTConfig, plan: Plan) -> dict[str, dict[str, int]]:
    """Count the bytes on a rank, part by part, at each moment that may be a step's peak. Given.

    Returns:
        For "loss" (forward is done, backward begins), "top" and "bottom" (backward is in the last
        block, in the first one), "end" (of the backward pass) and "update", and with a loss in
        chunks for "product" and "head" (the head's gradient is found, and handed on): the bytes of
        "parameters", "gradients", "optimiser", "activations" and "logits".
    """
    n_params, size = n_parameters(config, plan), plan.dtype.itemsize
    held = states(n_params, plan)
    stream = plan.batch_size * plan.n_tokens * config.n_embd * size
    table = config.vocab_size * config.n_embd // plan.tp
    tied = config.tied and plan.pp == 1
    block = block_activations(config, plan)
    one_kept = stream if plan.recompute else block
    kept = activations(config, plan)
    other_batches = kept // plan.in_flight * (plan.in_flight - 1)
    # A block's backward pass is widest in its MLP: the gradients of the stream and of GELU.
    working = stream + 4 * stream // plan.tp + (block if plan.recompute else 0)

    whole = held["gradients"]
    in_buckets = plan.dp > 1 and plan.zero == 0  # whose buffers are there all the time
    before = whole if plan.accumulates or in_buckets else 0
    waiting = table * size * (tied and plan.is_last)  # the head's, until the table's comes
    head = waiting or (0 if plan.accumulates else table * size * plan.is_last)
    # What backward finds last: two tables, and of the first block all but the MLP's second layer.
    tables = (table + config.block_size * config.n_embd) * (plan.stage == 0)
    last_found = (tables + 8 * config.n_embd**2 // plan.tp) * size
    units, passing = _of_units(config, plan, n_params)

    def moment(gradients: int, activations: int = 0, logits: int = 0, gathered: int = 0) -> dict:
        return {
            "parameters": held["parameters"] + gathered,
            "gradients": gradients,
            "optimiser": held["optimiser"],
            "activations": activations,
            "logits": logits,
        }

    top = other_batches + n_blocks(config, plan) * one_kept + working
    bottom = max(before + head, whole - last_found)
    found = {
        "loss": moment(before, kept, logits(config, plan), units),
        "top": moment(before + head + passing, top, gathered=units),
        "bottom": moment(bottom + passing, other_batches + one_kept + working, gathered=units),
        "end": moment(whole + 2 * waiting + passing, other_batches),
        "update": moment(whole * max(size, FLOAT32) // size),
    }
    if plan.chunk is not None:
        narrow = size if size < FLOAT32 else 0  # a copy that is rounded
        found["loss"] = moment(before + table * FLOAT32, kept + stream, logits(config, plan))
        product = before + table * (FLOAT32 + size)
        n = min(plan.chunk, plan.batch_size * plan.n_tokens)
        rows = n * config.vocab_size // plan.tp * (FLOAT32 + narrow)
        found["product"] = moment(product, kept + stream, rows)
        found["head"] = moment(before + table * (2 * FLOAT32 + narrow), kept + 2 * stream)
    return found


def _of_units(config: GPTConfig, plan: Plan, n_params: int) -> tuple[int, int]:
    """Bytes of parameters that are gathered, and of gradients that are not yet scattered."""
    size = plan.dtype.itemsize
    if plan.zero == 3:  # a unit is a block, or all that is outside of blocks; two at a time
        deeper = replace(config, n_layer=config.n_layer + plan.pp)
        a_block = n_parameters(deeper, plan) - n_params
        outside = n_params - n_blocks(config, plan) * a_block
        return (max(a_block, outside) + a_block) * size, (outside + a_block) * size
    return 0, -(-n_params // plan.dp) * size if plan.zero == 2 else 0


def peak(config: GPTConfig, plan: Plan) -> dict[str, int]:
    """Count the bytes on a rank, part by part, at the moment when they are most."""
    return max(moments(config, plan).values(), key=lambda parts: sum(parts.values()))
