"""A reward model: the body of a language model, and one number for a whole text.

People say which of two answers is better; the model learns scores from which they could have
followed. Stiennon et al. 2020 (arXiv:2009.01325), Ouyang et al. 2022 (arXiv:2203.02155).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.files import write_bytes

HEAD_FILE = "reward_head.safetensors"


# -- what a preference teaches ------------------------------------------------------------------


def last_token(x: Tensor, mask: Tensor) -> Tensor:
    """Pick what stands at the last real token of each text, on whichever side its padding is.

    In a causal model that is the only token which has seen the whole text.

    Args:
        x: (B, T) or (B, T, C), a number or a vector for each token; must stay as it is. What
            stands in the padding is never looked at, NaN or not, and gets a gradient of exactly 0.
        mask: (B, T) bool, True on real tokens. Padding may be left, right, on both sides.

    Returns:
        (B,) or (B, C), the dtype of x: x at the highest index of each row at which mask is True.
        A row of nothing but padding has no last token: it gives zeros.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if x.shape[:2] != mask.shape:
        raise ValueError(f"x {tuple(x.shape)} does not fit a mask {tuple(mask.shape)}")
    # TODO 3.13: For each text what x holds at its last real token, on whichever side padding is;
    # zeros where there is none; padding is never looked at.
    raise NotImplementedError("exercise 3.13: last_token")


def bradley_terry(chosen: Tensor, rejected: Tensor) -> Tensor:
    """How surprised the scores are by what people preferred: the mean of -log sigmoid(difference).

    Bradley and Terry 1952: the better one wins with probability sigmoid(chosen - rejected), so a
    difference is in log-odds. Ouyang et al. 2022 (arXiv:2203.02155), equation 1, for pairs.

    Args:
        chosen: (B,) scores of the preferred answers; must stay as they are.
        rejected: (B,) scores of the others, pair by pair.

    Returns:
        A scalar, nats per pair, the dtype of the scores. It is finite, and its gradients are right,
        for any finite difference: at -1000 the loss is 1000. With d = chosen - rejected the
        gradients are -sigmoid(-d) / B for chosen and +sigmoid(-d) / B for rejected.

    Raises:
        ValueError: if the shapes differ: (B, 1) and (B,) would be compared each with each.
    """
    if chosen.shape != rejected.shape:
        raise ValueError(f"chosen {tuple(chosen.shape)}, rejected {tuple(rejected.shape)}: not 1:1")
    # TODO 3.13: The mean of -log sigmoid(chosen - rejected), finite and with the right gradient at
    # any difference.
    raise NotImplementedError("exercise 3.13: bradley_terry")


# -- the model ----------------------------------------------------------------------------------


def pad_right(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Move all padding to the right, and cut off what every row has of it.

    A model that sees texts like this needs no position ids, whichever way it counts positions, and
    the score of a text cannot depend on how it was padded.

    Args:
        ids: (B, T) token ids.
        mask: (B, T) bool, True on real tokens.

    Returns:
        ids and mask, (B, width): the longest row's real tokens, and at least one column.
    """
    width = max(1, int(mask.sum(dim=1).max()))
    order = (~mask).int().argsort(dim=1, stable=True)[:, :width]
    return ids.gather(1, order), mask.gather(1, order)


class RewardModel(nn.Module):
    """Any Hugging Face body with a scalar head on the last real token.

        model = RewardModel(AutoModel.from_pretrained("distilbert-base-uncased"))
        model = RewardModel(causal_lm.base_model)
        scores = model(ids, mask)  # (B,)

    The head starts at random with a variance of 1 / (C + 1), as Stiennon et al. 2020 do, and is a
    direction alone: from differences nobody could learn an offset. Scores are `gain * head + bias`;
    see `normalise`.

    Args:
        backbone: called as `backbone(input_ids=..., attention_mask=...)`, gives a
            `last_hidden_state` (B, T, C); C is its `config.hidden_size`.
        generator: where the head's first weights come from; the global one if None.
    """

    def __init__(self, backbone: nn.Module, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        C = backbone.config.hidden_size
        self.head = nn.Linear(C, 1, bias=False)
        nn.init.normal_(self.head.weight, std=(C + 1) ** -0.5, generator=generator)
        self.register_buffer("gain", torch.ones(()))
        self.register_buffer("bias", torch.zeros(()))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Score texts: ids and mask (B, T), padded anywhere, to (B,) in the dtype of the head.

        A row of nothing but padding scores `bias`, which is 0 in a new model.
        """
        ids, mask = pad_right(ids, mask)
        hidden = self.backbone(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        x = last_token(hidden, mask).to(self.head.weight.dtype)  # (B, C)
        return self.gain * self.head(x)[:, 0] + self.bias

    def normalise(self, scores: Tensor) -> None:
        """Shift and scale all scores from now on so that these would have mean 0 and variance 1.

        Ziegler et al. 2019 (arXiv:1909.08593), section 2: the scores are those of texts of the
        model that PPO starts from. A difference is then no log-odds any more; it is after a
        division by `gain`.

        Args:
            scores: (N,), as this model gave them.

        Raises:
            ValueError: if they are all alike.
        """
        std = scores.std(correction=0)
        if not std > 0:
            raise ValueError(f"{len(scores)} scores that are all alike have no scale")
        self.gain.div_(std)
        self.bias.sub_(scores.mean()).div_(std)

    def save(self, folder: Path) -> None:
        """Write config.json and model.safetensors, which AutoModel opens, and the head beside them.

        Merge adapters first: the file has the names that the backbone's class knows.
        """
        from safetensors.torch import save

        self.backbone.save_pretrained(folder)
        own = {k: v for k, v in self.state_dict().items() if not k.startswith("backbone.")}
        write_bytes(Path(folder) / HEAD_FILE, save(own))  # last: where it is, all is

    @classmethod
    def load(cls, folder: Path) -> RewardModel:
        """Open a folder that `save` wrote.

        Raises:
            FileNotFoundError: if it has no head.
        """
        from safetensors.torch import load_file
        from transformers import AutoModel  # takes seconds, and the functions above need none

        own = Path(folder) / HEAD_FILE
        if not own.exists():
            raise FileNotFoundError(f"{own}: no such file, so this is no reward model")
        model = cls(AutoModel.from_pretrained(folder))
        state = load_file(own)
        model.head.to(state["head.weight"].dtype)
        model.load_state_dict(state, strict=False)
        return model
