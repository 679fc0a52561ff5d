"""GPT-2 for small models on a CPU: the weights and numbers of transformers, with less around them.

Where a model is small, what stands around its matrix products takes as long as they do: checks,
masks, hooks, configuration. Here is nothing but the products and what is between them, and nothing
is computed that nobody asks for:

- `FastGPT2` answers as the model does, so that sampling, PPO and all others take it in its place;
- `logprobs` makes logits only where a token counts;
- `group_logprobs` reads a prompt once, however many answers there are to it, and no last token,
  for nothing comes behind it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

Past = list[tuple[Tensor, Tensor]]  # keys and values of each block, (B, H, T, D)


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
        logits = self.model.lm_head(hidden[:, -logits_to_keep:])
        return Output(logits, (hidden,), past)

    def read(
        self, ids: Tensor, mask: Tensor | None, positions: Tensor | None, past: Past | None
    ) -> tuple[Tensor, Past]:
        """Return the hidden states, (B, T, C), and keys and values of all that was read."""
        body = self.model.transformer
        before = past[0][0].shape[2] if past else 0
        if positions is None:
            positions = torch.arange(before, before + ids.shape[1], device=ids.device)
        sees = visible(ids, mask, before)
        x = body.wte(ids) + body.wpe(positions)
        kept = []
        for i, block in enumerate(body.h):
            x, pair = _attend(x, block, sees, past[i] if past else None)
            x = x + _affine(_gelu(_affine(block.ln_2(x), block.mlp.c_fc)), block.mlp.c_proj)
            kept.append(pair)
        return body.ln_f(x), kept


def visible(ids: Tensor, mask: Tensor | None, before: int) -> Tensor | bool:
    """Say which tokens may be looked at: (..., T, before + T) bool; a bool where one word says it.

    True means all that came before, in a batch that begins here; False means all.
    """
    T = ids.shape[1]
    padded = mask is not None and not mask.all()
    if not padded and (T == 1 or not before):
        return T > 1
    sees = torch.ones(T, before + T, dtype=torch.bool, device=ids.device).tril(before)
    if not padded:
        return sees
    own = torch.eye(T, before + T, dtype=torch.bool, device=ids.device)
    own = own.roll(before, dims=1)  # padding looks at itself, for a softmax of nothing is NaN
    return (sees & mask.bool()[:, None, None]) | own


def _attend(
    x: Tensor, block: nn.Module, sees: Tensor | bool, past: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    B, T, C = x.shape
    H = block.attn.num_heads
    qkv = _affine(block.ln_1(x), block.attn.c_attn).view(B, T, 3, H, C // H)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, H, T, D) each
    if past:
        k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
    how = {"is_causal": sees} if isinstance(sees, bool) else {"attn_mask": sees}
    y = F.scaled_dot_product_attention(q, k, v, **how)
    return x + _affine(y.transpose(1, 2).reshape(B, T, C), block.attn.c_proj), (k, v)


def _affine(x: Tensor, layer: nn.Module) -> Tensor:
    """Apply a Conv1D, whose weight is (in, out)."""
    return torch.addmm(layer.bias, x.view(-1, x.shape[-1]), layer.weight).view(*x.shape[:-1], -1)


def _gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


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
    past = [tuple(x.repeat_interleave(copies, dim=0) for x in pair) for pair in past]
    answer, _ = model.read(ids[:, n_prompt:-1], mask[:, :-1], positions[:, n_prompt:-1], past)
    last = prompt[:, -1:].repeat_interleave(copies, dim=0)  # it says what an answer begins with
    before = n_prompt - 1
    found = _where_asked(
        model, torch.cat([last, answer], dim=1), ids[:, n_prompt:], actions[:, before:]
    )
    return F.pad(found, (before, 0))


def _where_asked(model: FastGPT2, hidden: Tensor, targets: Tensor, asked: Tensor) -> Tensor:
    logits = model.model.lm_head(hidden[asked])
    nats = F.cross_entropy(logits, targets[asked], reduction="none")
    return hidden.new_zeros(asked.shape).masked_scatter(asked, -nats)
