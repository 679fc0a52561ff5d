"""Before the first step: what does a GPT do that has learned nothing? Five questions.

Answer by returning literals. The finished file builds the model and looks.
"""

import torch
from torch import Tensor

from phase1_transformers.solution.config import GPTConfig, gpt2
from phase1_transformers.solution.counting import n_parameters
from phase1_transformers.solution.gpt import GPT

# -- the loss ---------------------------------------------------------------------------------


def loss_before_training() -> float:
    """What is the loss of a GPT with GPT-2's vocabulary and initial weights, untrained?

    The model is `GPT(gpt2(n_layer=2, n_head=2, n_embd=32))`, so V is 50257. The batch is of random
    tokens, and the targets are random tokens, too.

    Return nats per token, right to 1 %.
    """
    # TODO 1.17: Return the loss in nats per token, right to 1 %.
    raise NotImplementedError("exercise 1.17: loss_before_training")


def loss_with_a_wide_table() -> str:
    """What happens to the loss if the token table, which is also the head, comes from N(0, 1)?

    PyTorch's `nn.Embedding` draws it so by itself. Another model of GPT-2's kind: V is 65, n_embd
    256, 2 layers. All other weights are drawn as GPT-2's, the batch is random as before, and the
    loss is compared with that under GPT-2's own table, drawn from N(0, 0.02^2).

    a. About the same: the last norm takes the size out again.
    b. About half as much again.
    c. More than ten times as much.
    d. About 0: the model finds each token in its own table.

    Return a letter.
    """
    # TODO 1.17: Return the letter of what happens to the loss.
    raise NotImplementedError("exercise 1.17: loss_with_a_wide_table")


# -- who sees what ----------------------------------------------------------------------------


def positions_that_notice() -> int:
    """At how many positions do the logits change when one token changes?

    A sequence has 10 tokens. The one at index 3 (the fourth) is replaced by another, and the
    untrained model is asked again.

    Return a whole number.
    """
    # TODO 1.17: Return at how many of the 10 positions the logits change.
    raise NotImplementedError("exercise 1.17: positions_that_notice")


def depth_that_sees_the_order() -> str:
    """Which models, with all position embeddings set to 0, can tell "a b c" from "b a c"?

    The two texts differ in the order of the first two tokens. Asked for the logits after c:

    a. None: without positions attention sees a set of tokens, however deep the model.
    b. One of a single block cannot, one of two blocks can.
    c. All can: the mask tells the order.

    Return a letter.
    """
    # TODO 1.17: Return the letter of the models that can tell the two texts apart.
    raise NotImplementedError("exercise 1.17: depth_that_sees_the_order")


def _sees_order(n_layer: int) -> bool:
    model = _model(gpt2(vocab_size=65, block_size=3, n_layer=n_layer, n_head=2, n_embd=32)).double()
    torch.nn.init.zeros_(model.position_embedding.weight)
    abc, bac = (model(torch.tensor([ids]))[0][0, -1] for ids in ([0, 1, 2], [1, 0, 2]))
    return not torch.allclose(abc, bac, rtol=1e-10, atol=1e-12)


# -- where the parameters are -----------------------------------------------------------------


def share_of_the_token_table() -> float:
    """Which share of GPT-2 small's parameters is in the table of its tokens?

    V is 50257, n_embd 768, n_layer 12, block_size 1024, and the head is the table itself.

    Return a number between 0 and 1, right to 5 %.
    """
    # TODO 1.17: Return the share, a number between 0 and 1, right to 5 %.
    raise NotImplementedError("exercise 1.17: share_of_the_token_table")


def _model(config: GPTConfig) -> GPT:
    return GPT(config, generator=torch.Generator().manual_seed(0)).requires_grad_(False)


def _tokens(model: GPT, seed: int = 0) -> Tensor:
    """Draw a small batch of random tokens, (4, 10)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(model.config.vocab_size, (4, 10), generator=generator)
