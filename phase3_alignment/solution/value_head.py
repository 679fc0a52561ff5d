"""A value head: one number for each prefix of a text, read off the model's own hidden state.

The head stands beside the model's output layer and shares the whole trunk with it, as in the code
of Ziegler et al. 2019 (arXiv:1909.08593). With adapters in the model, both learn through those.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LogitsAndValues:
    """What an actor-critic returns.

    Attributes:
        logits: (B, T, V), row t for token t + 1.
        values: (B, T), in units of the rewards: what is still to come after the first t + 1 tokens.
        past_key_values: the model's cache, if it was asked to keep one.
    """

    logits: Tensor
    values: Tensor
    past_key_values: Any = None


class ActorCritic(nn.Module):
    """A causal language model of Hugging Face's kind, with a value head.

    The head starts at 0, so the first values are 0 and the first advantages are the rewards
    themselves: a random head would begin with advice (Huang et al. 2023, "The N implementation
    details of RLHF with PPO").

    Args:
        model: has a `config` with `hidden_size`, and answers with `logits` and, on request,
            `hidden_states`. It stays the module that it is, adapters included.

    Attributes:
        model: the language model.
        value_head: linear, C to 1.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        weight = next(model.parameters())
        dtype = weight.dtype if weight.dtype.is_floating_point else torch.float32
        self.value_head = nn.Linear(model.config.hidden_size, 1, device=weight.device, dtype=dtype)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)

    def forward(self, **inputs: Any) -> LogitsAndValues:
        """Ask the model, and the head about the model's last hidden states.

        Args:
            inputs: input_ids, attention_mask, position_ids and whatever else the model takes.
        """
        output = self.model(**inputs, output_hidden_states=True)
        hidden = output.hidden_states[-1]  # (B, T, C), after the last norm
        values = self.value_head(hidden.to(self.value_head.weight.dtype))[..., 0]
        return LogitsAndValues(output.logits, values, getattr(output, "past_key_values", None))
