"""Sampling responses for reinforcement learning: a whole batch, one forward pass a token.

What the update needs later is kept on the way: the log-probability of each token under the
distribution from which it was drawn, and the value of each prefix if the model has a value head.
Works with any causal language model of Hugging Face's kind.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Rollout:
    """Prompts and responses. N is the number of tokens that the longest response took.

    Attributes:
        ids: (B, P + N) int64: the prompts as they came, the responses, padding.
        mask: (B, P + N) bool, True on real tokens, a response's end-of-text token included.
        actions: (B, P + N - 1) bool, True at t where token t + 1 was sampled.
        logprobs: (B, P + N - 1) float32 or wider, in nats: of token t + 1 under the distribution
            from which it was drawn, with temperature and filters; 0 where there is no action.
        values: (B, P + N - 1), the value head's before each action, or None; 0 as above.
        ended: (B,) bool, whether the response has come to its end-of-text token.
    """

    ids: Tensor
    mask: Tensor
    actions: Tensor
    logprobs: Tensor
    values: Tensor | None
    ended: Tensor

    @property
    def lengths(self) -> Tensor:
        """(B,) tokens of each response."""
        return self.actions.sum(dim=-1)


@torch.no_grad()
def sample(
    model: nn.Module,
    prompt_ids: Tensor,
    prompt_mask: Tensor,
    max_new_tokens: int,
    end_id: int | None,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Rollout:
    """Let a model answer a batch of prompts.

    A row stops at its end-of-text token, all stop when every row has, or after `max_new_tokens`.
    The same generator state gives the same responses.

    Args:
        model: a causal language model in eval mode that takes input_ids, attention_mask,
            position_ids, past_key_values, use_cache and logits_to_keep.
        prompt_ids: (B, P) int64, padded on the left; stays as it is.
        prompt_mask: (B, P) bool, True on real tokens; the last column is all True.
        max_new_tokens: N at most, 1 or more.
        end_id: the token that ends a response, also written as padding after it; None never ends.
        temperature: divides the logits. Whoever computes log-probabilities again, as the update
            does, must divide by the same.
        top_k: draw from the k likeliest tokens only (1 is greedy).
        top_p: draw from the fewest tokens that have this much probability together. Both filters
            are off in reinforcement learning: a token that a filter excludes here has a probability
            in the update, and the ratio of the two means nothing.
        generator: the only source of chance, on the model's device.

    Raises:
        ValueError: if the model is in training mode (dropout would change the probabilities from
            one pass to the next), a prompt does not end in a real token, or an option is out of
            range.
    """
    _check(model, prompt_mask, max_new_tokens, temperature, top_k, top_p)
    B, P = prompt_ids.shape
    device = prompt_ids.device
    padding = 0 if end_id is None else end_id
    ids = torch.cat([prompt_ids, prompt_ids.new_full((B, max_new_tokens), padding)], dim=1)
    mask = torch.cat([prompt_mask.bool(), prompt_mask.new_zeros(B, max_new_tokens).bool()], dim=1)
    positions = (prompt_mask.cumsum(-1) - 1).clamp(min=0)
    running = torch.ones(B, dtype=torch.bool, device=device)
    new, cache, logprobs, values = prompt_ids, None, [], []
    for end in range(P, P + max_new_tokens):
        output = model(
            input_ids=new,
            attention_mask=mask[:, :end],
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = output.past_key_values
        log_p = _log_distribution(output.logits[:, -1], temperature, top_k, top_p)
        new = _draw(log_p, generator)  # (B, 1)
        ids[:, end] = new[:, 0].where(running, padding)
        mask[:, end] = running
        logprobs.append(log_p.gather(-1, new)[:, 0])
        if isinstance(getattr(output, "values", None), Tensor):  # transformers' is a dict's method
            values.append(output.values[:, -1])
        positions = positions[:, -1:] + 1
        if end_id is not None:
            running = running & (new[:, 0] != end_id)
            if not running.any():
                break
    end += 1
    actions = mask[:, 1:end].clone()
    actions[:, : P - 1] = False
    return Rollout(
        ids=ids[:, :end],
        mask=mask[:, :end],
        actions=actions,
        logprobs=_behind_prompt(logprobs, actions),
        values=_behind_prompt(values, actions) if values else None,
        ended=~running,
    )


def _check(
    model: nn.Module,
    prompt_mask: Tensor,
    max_new_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
) -> None:
    if model.training:
        raise ValueError("the model is in training mode; call model.eval() before sampling")
    if not prompt_mask[:, -1].all():
        raise ValueError("every prompt must end in a real token: pad on the left")
    if max_new_tokens < 1 or temperature <= 0:
        raise ValueError(
            f"max_new_tokens and temperature must be positive, got {max_new_tokens}, {temperature}"
        )
    if (top_k is not None and top_k < 1) or (top_p is not None and not 0 < top_p <= 1):
        raise ValueError(f"top_k must be 1 or more, top_p in (0, 1]; got {top_k}, {top_p}")


def _log_distribution(
    logits: Tensor, temperature: float, top_k: int | None, top_p: float | None
) -> Tensor:
    """Turn scores, (B, V), into the log-probabilities from which a token is drawn."""
    log_p = (logits.float() if logits.dtype.itemsize < 4 else logits).div(temperature)
    log_p = log_p.log_softmax(dim=-1)
    if top_k is not None and top_k < log_p.shape[-1]:
        smallest = log_p.topk(top_k, dim=-1).values[:, -1:]
        log_p = log_p.masked_fill(log_p < smallest, -torch.inf).log_softmax(dim=-1)
    if top_p is not None:
        falling, order = log_p.sort(dim=-1, descending=True, stable=True)
        before = falling.exp().cumsum(dim=-1) - falling.exp()  # probability of all likelier ones
        out = (before >= top_p).scatter(-1, order, before >= top_p)
        log_p = log_p.masked_fill(out, -torch.inf).log_softmax(dim=-1)
    return log_p


def _draw(log_p: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw one token a row, (B, 1): where the running sum of probabilities first reaches u.

    One random number a row, where torch.multinomial draws one for each of the V tokens: at
    V = 5,000 that would take as long as the forward pass of a small model.
    """
    total = log_p.exp().cumsum(dim=-1)
    # 1 - u lies in (0, 1], so the sum is reached by a token whose own probability is not 0.
    u = torch.rand(len(log_p), 1, generator=generator, device=log_p.device, dtype=log_p.dtype)
    return torch.searchsorted(total, total[:, -1:] * (1 - u))


def _behind_prompt(columns: list[Tensor], actions: Tensor) -> Tensor:
    """Put N columns, (B,) each, at the last N of actions' columns; 0 where there is no action."""
    found = torch.stack(columns, dim=1)
    before = found.new_zeros(len(found), actions.shape[1] - found.shape[1])
    return torch.cat([before, found], dim=1).where(actions, 0)
