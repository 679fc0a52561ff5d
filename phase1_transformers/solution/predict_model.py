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
    model = _model(gpt2(n_layer=2, n_head=2, n_embd=32))
    return model(_tokens(model), _tokens(model, seed=1))[1].item()


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
    model = _model(gpt2(vocab_size=65, block_size=10, n_layer=2, n_head=4, n_embd=256))
    idx, targets = _tokens(model), _tokens(model, seed=1)
    narrow = model(idx, targets)[1].item()
    torch.nn.init.normal_(model.token_embedding.weight, generator=torch.Generator().manual_seed(2))
    ratio = model(idx, targets)[1].item() / narrow
    return "c" if ratio > 10 else "b" if ratio > 1.2 else "a" if ratio > 0.5 else "d"


# -- who sees what ----------------------------------------------------------------------------


def positions_that_notice() -> int:
    """At how many positions do the logits change when one token changes?

    A sequence has 10 tokens. The one at index 3 (the fourth) is replaced by another, and the
    untrained model is asked again.

    Return a whole number.
    """
    model = _model(gpt2(vocab_size=65, block_size=10, n_layer=2, n_head=2, n_embd=32))
    idx = _tokens(model)[:1]
    changed = idx.clone()
    changed[0, 3] = (idx[0, 3] + 1) % 65
    return int((model(idx)[0] != model(changed)[0]).any(dim=-1).sum())


def depth_that_sees_the_order() -> str:
    """Which models, with all position embeddings set to 0, can tell "a b c" from "b a c"?

    The two texts differ in the order of the first two tokens. Asked for the logits after c:

    a. None: without positions attention sees a set of tokens, however deep the model.
    b. One of a single block cannot, one of two blocks can.
    c. All can: the mask tells the order.

    Return a letter.
    """
    one, two = (_sees_order(n_layer) for n_layer in (1, 2))
    return "c" if one else "b" if two else "a"


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
    config = gpt2()
    return config.vocab_size * config.n_embd / n_parameters(config)


def _model(config: GPTConfig) -> GPT:
    return GPT(config, generator=torch.Generator().manual_seed(0)).requires_grad_(False)


def _tokens(model: GPT, seed: int = 0) -> Tensor:
    """Draw a small batch of random tokens, (4, 10)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(model.config.vocab_size, (4, 10), generator=generator)
