"""GPT-2 for small models on a CPU: the weights and numbers of transformers, with less around them.

Where a model is small, what stands around its matrix products takes as long as they do: checks,
masks, hooks, configuration. Here is nothing but the products and what is between them, and nothing
is computed that nobody asks for:

- `FastGPT2` answers as the model does, so that sampling, PPO and all others take it in its place;
  its products are those of `fast_linear`;
- `logprobs` makes logits only where a token counts;
- `OncePerGroup` and `group_logprobs` read a prompt once, however many answers there are to it, and
  no last token, for nothing comes behind it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phase3_alignment.project import fast_linear
from phase3_alignment.project.fast_linear import product

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

Past = list[Tensor]  # keys and values of each block, (2, B, H, T, D)


@dataclass(frozen=True)
class Output:
    """What a causal language model returns, by the names of transformers.

    Attributes:
        logits: (B, T, V), of all tokens or of the last so many.
        hidden_states: the last one, (B, T, C), after the last norm.
        past_key_values: for the next call.
    """

    logits: Tensor
    hidden_states: tuple[Tensor]
    past_key_values: Past


class FastGPT2(nn.Module):
    """Stands for a GPT-2 of transformers; the parameters are the model's own.

    Args:
        model: without adapters. Its dropout is never applied.

    Raises:
        ValueError: it is no plain GPT-2.
    """

    def __init__(self, model: "GPT2LMHeadModel") -> None:
        from transformers.activations import NewGELUActivation
        from transformers.pytorch_utils import Conv1D

        super().__init__()
        self.model, self.config = model, model.config
        body = getattr(model, "transformer", None)
        layers = [m for block in getattr(body, "h", ()) for m in self._layers(block)]
        if {type(m) for m in layers} != {Conv1D, NewGELUActivation}:
            raise ValueError("FastGPT2 knows GPT-2 with its own activation and no adapter in it")
        if not self.config.scale_attn_weights or self.config.scale_attn_by_inverse_layer_idx:
            raise ValueError("FastGPT2 knows GPT-2 with its own scale of attention only")
        self.eval()

    @staticmethod
    def _layers(block: nn.Module) -> tuple[nn.Module, ...]:
        attention, mlp = block.attn, block.mlp
        return attention.c_attn, attention.c_proj, mlp.c_fc, mlp.c_proj, mlp.act

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Past | None = None,
        logits_to_keep: int = 0,
        **_: Any,
    ) -> Output:
        """Answer as the model does.

        Args:
            input_ids: (B, T), the tokens that are new.
            attention_mask: (B, all), 0 on padding; all is T and what was read before.
            position_ids: (B, T).
            past_key_values: what was read before, as the last answer has it.
            logits_to_keep: of how many tokens at the end; 0 means all.
        """
        hidden, past = self.read(input_ids, attention_mask, position_ids, past_key_values)
        logits = fast_linear.linear(hidden[:, -logits_to_keep:], self.model.lm_head.weight)
        return Output(logits, (hidden,), past)

    def read(
        self, ids: Tensor, mask: Tensor | None, positions: Tensor | None, past: Past | None
    ) -> tuple[Tensor, Past]:
        """Return the hidden states, (B, T, C), and keys and values of all that was read."""
        body = self.model.transformer
        before = past[0].shape[3] if past else 0
        if positions is None:
            positions = torch.arange(before, before + ids.shape[1], device=ids.device)
        how = visible(ids, mask, before)
        x = F.embedding(ids, body.wte.weight) + F.embedding(positions, body.wpe.weight)
        kept = []
        for i, block in enumerate(body.h):
            x, pair = _attend(x, block, how, past[i] if past else None)
            wide = F.gelu(_affine(_norm(x, block.ln_2), block.mlp.c_fc), approximate="tanh")
            x = x + _affine(wide, block.mlp.c_proj)
            kept.append(pair)
        return _norm(x, body.ln_f), kept


class OncePerGroup(nn.Module):
    """Samples answers to groups of equal prompts, and reads each prompt once.

    Args:
        model: that answers.
        copies: neighbours in a batch that begin with the same prompt.
    """

    def __init__(self, model: FastGPT2, copies: int) -> None:
        super().__init__()
        self.model, self.copies = model, copies
        self.eval()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        position_ids: Tensor,
        past_key_values: Past | None = None,
        **options: Any,
    ) -> Output:
        """Answer as `FastGPT2` does, to prompts of which one in each group is looked at."""
        if past_key_values:
            return self.model(input_ids, attention_mask, position_ids, past_key_values, **options)
        inputs = (x[:: self.copies] for x in (input_ids, attention_mask, position_ids))
        answer = self.model(*inputs, **options)
        (hidden,), n = answer.hidden_states, self.copies
        return Output(
            answer.logits.repeat_interleave(n, dim=0),
            (hidden.repeat_interleave(n, dim=0),),
            _repeat(answer.past_key_values, n),
        )


# -- the parts of a block ---------------------------------------------------------------------


def visible(ids: Tensor, mask: Tensor | None, before: int) -> dict[str, Any]:
    """Say what attention is told of who may look at whom: nothing more than there is to say.

    Args:
        ids: (B, T), the new tokens.
        mask: (B, before + T), False or 0 on padding; None if there is none.
        before: tokens that were read before.
    """
    T = ids.shape[1]
    padded = mask is not None and not mask.all()
    if not padded and (T == 1 or not before):
        return {"is_causal": T > 1}
    sees = torch.ones(T, before + T, dtype=torch.bool, device=ids.device).tril(before)
    if padded:
        own = torch.eye(T, before + T, dtype=torch.bool, device=ids.device).roll(before, dims=1)
        # Padding looks at itself: a softmax of nothing would be NaN.
        sees = (sees & mask.bool()[:, None, None]) | own
    return {"attn_mask": sees}


def _attend(
    x: Tensor, block: nn.Module, how: dict[str, Any], past: Tensor | None
) -> tuple[Tensor, Tensor]:
    B, T, C = x.shape
    H = block.attn.num_heads
    qkv = _affine(_norm(x, block.ln_1), block.attn.c_attn).view(B, T, 3, H, C // H)
    qkv = qkv.permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
    pair = qkv[1:] if past is None else torch.cat([past, qkv[1:]], dim=3)
    y = F.scaled_dot_product_attention(qkv[0], pair[0], pair[1], **how)
    return x + _affine(y.transpose(1, 2).reshape(B, T, C), block.attn.c_proj), pair


def _affine(x: Tensor, layer: nn.Module) -> Tensor:
    """Apply a Conv1D, whose weight is (in, out)."""
    return fast_linear.linear(x, layer.weight.T, layer.bias)


def _norm(x: Tensor, layer: nn.Module) -> Tensor:
    return F.layer_norm(x, layer.normalized_shape, layer.weight, layer.bias, layer.eps)


def _repeat(past: Past, copies: int) -> Past:
    return [pair.repeat_interleave(copies, dim=1) for pair in past]


# -- log-probabilities ------------------------------------------------------------------------


def logprobs(model: FastGPT2, ids: Tensor, mask: Tensor, actions: Tensor) -> Tensor:
    """`logprobs.under` of this model.

    Args:
        model: whose word is asked.
        ids, mask: (B, T); padding may be on either side.
        actions: (B, T - 1) bool, True at t where token t + 1 counts.
    """
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    hidden, _ = model.read(ids, mask, positions, None)
    return _where_asked(model, hidden[:, :-1], ids[:, 1:], actions)


def group_logprobs(
    model: FastGPT2, ids: Tensor, mask: Tensor, actions: Tensor, n_prompt: int, copies: int
) -> Tensor:
    """`logprobs` of answers in groups of neighbours that begin with the same prompt.

    Args:
        model, ids, mask, actions: as for `logprobs`; padding of the prompts is on the left.
        n_prompt: tokens of a prompt, its padding included.
        copies: answers to each prompt.
    """
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    first = slice(None, None, copies)
    prompt, past = model.read(
        ids[first, :n_prompt], mask[first, :n_prompt], positions[first, :n_prompt], None
    )
    past = _repeat(past, copies)
    answer, _ = model.read(ids[:, n_prompt:-1], mask[:, :-1], positions[:, n_prompt:-1], past)
    last = prompt[:, -1:].repeat_interleave(copies, dim=0)  # it says what an answer begins with
    before = n_prompt - 1
    found = _where_asked(
        model, torch.cat([last, answer], dim=1), ids[:, n_prompt:], actions[:, before:]
    )
    return F.pad(found, (before, 0))


def _where_asked(model: FastGPT2, hidden: Tensor, targets: Tensor, asked: Tensor) -> Tensor:
    weight = model.model.lm_head.weight
    found = LogProbs.apply(hidden[asked], weight, targets[asked][:, None])
    return hidden.new_zeros(asked.shape).masked_scatter(asked, found)


class LogProbs(torch.autograd.Function):
    """log p(target) of rows; there is one table of logits, and it becomes its own gradient."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        """Make the table.

        Args:
            ctx: keeps it.
            hidden: (N, C).
            weight: (V, C), the output layer's.
            targets: (N, 1) token ids.
        """
        log_p = product(hidden, weight).log_softmax(dim=-1)
        ctx.save_for_backward(hidden, weight, targets)
        ctx.log_p = log_p
        return log_p.gather(1, targets)[:, 0]

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor, None]:
        """Turn log p into the gradient of the logits, one-hot minus p; can be asked once."""
        hidden, weight, targets = ctx.saved_tensors
        grad = ctx.log_p.exp_().mul_(-grad_output[:, None])
        grad.scatter_add_(1, targets, grad_output[:, None])
        del ctx.log_p
        return product(grad, weight.T), product(grad.T, hidden.T), None
