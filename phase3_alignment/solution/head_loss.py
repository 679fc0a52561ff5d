"""The loss on answers, straight from the hidden states: no table of logits is ever whole.

The logits of a batch are (B, T, V). With V = 50,257 no other tensor of a small model is as large,
and on its way `cross_entropy` makes three more of that size. Here a few rows of them exist at a
time, and only rows whose label counts. Their gradient is taken while they are at hand, as the Liger
kernels do it: Hsu et al. 2024 (arXiv:2410.10989). Beside an adapter the output layer is frozen, and
the gradient of the hidden states is all that is left of it.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phase3_alignment.solution import sft

ROWS = 128  # of logits at a time; in float32 with V = 50,257 they take 26 MB
# What models do to their logits beside the product, by the name of the setting: Gemma 2 caps them,
# Cohere and Granite scale them.
AFTER_THE_PRODUCT = ("final_logit_softcapping", "logit_scale", "logits_scaling")


def answer_loss(
    model: nn.Module, inputs: dict[str, Tensor], labels: Tensor, n_targets: int | None = None
) -> Tensor:
    """`sft.loss` of what a model of Hugging Face says, in less time and memory.

    A model that does more for its logits than one product goes the long way: one with a bias there,
    with an adapter on its output layer, or with one of the settings `AFTER_THE_PRODUCT`.

    Args:
        model: a causal language model, in whatever mode.
        inputs: for `model(**inputs)`, as `packing.inputs` gives them.
        labels, n_targets: as for `sft.loss`.

    Returns:
        A scalar, which can be differentiated, in float32 or wider; 0 if no label counts.
    """
    head = model.get_output_embeddings()
    if not _is_one_product(model, head):
        return sft.loss(model(**inputs, use_cache=False).logits, labels, n_targets)
    hidden = model.base_model(**inputs, use_cache=False).last_hidden_state  # (B, T, C)
    targets = labels[:, 1:]
    counts = targets != sft.IGNORED
    weight = head.weight if torch.is_grad_enabled() else head.weight.detach()
    nats = SumOfNats.apply(hidden[:, :-1][counts], weight, targets[counts])
    return nats / (counts.sum().clamp(min=1) if n_targets is None else n_targets)


def _is_one_product(model: nn.Module, head: nn.Module) -> bool:
    settings = (getattr(model.config, name, None) for name in AFTER_THE_PRODUCT)
    return type(head) is nn.Linear and head.bias is None and set(settings) <= {None, 1.0}


class SumOfNats(torch.autograd.Function):
    """The sum of -log p(target) over rows, whose gradients are made on the way forward."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """Walk over the rows, `ROWS` at a time.

        Args:
            ctx: keeps the gradients.
            hidden: (N, C), left as they are.
            weight: (V, C), the output layer's.
            targets: (N,) token ids.
        """
        wide = torch.promote_types(hidden.dtype, torch.float32)
        nats = torch.zeros((), dtype=wide, device=hidden.device)
        ctx.grad_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        ctx.grad_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        for begin in range(0, len(hidden), ROWS):
            rows = slice(begin, begin + ROWS)
            x, y = hidden[rows], targets[rows, None]
            log_p = F.linear(x, weight).to(wide).log_softmax(dim=-1)  # (ROWS, V)
            nats -= log_p.gather(1, y).sum()
            if not any(ctx.needs_input_grad):
                continue
            grad = log_p.exp_().scatter_add_(1, y, -torch.ones_like(y, dtype=wide)).to(x.dtype)
            if ctx.grad_hidden is not None:
                torch.mm(grad, weight, out=ctx.grad_hidden[rows])
            if ctx.grad_weight is not None:
                ctx.grad_weight.addmm_(grad.T, x)
        return nats

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Scale what `forward` found; may be asked twice."""
        scaled = (g if g is None else g * grad_output for g in (ctx.grad_hidden, ctx.grad_weight))
        return *scaled, None
