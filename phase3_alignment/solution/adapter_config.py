"""What to adapt and how strongly: the settings of one adapter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AdapterConfig:
    """The settings of one adapter.

    Attributes:
        targets: which layers, see `inject.matching`: last parts of their names, or one regex.
        r: rank.
        alpha: strength, see `lora.scaling`.
        dropout: on the input of the correction, in training, between 0 and 1.
        rslora: alpha / sqrt(r) in place of alpha / r.
        dora: train the lengths of the weight's rows as well, see `dora`.
        heads: how the names of modules end that are trained whole, see `inject.heads`.
        rank_pattern, alpha_pattern: another rank or alpha for some layers. A key is a regex for the
            end of a layer's name, from a dot on; the first that fits counts.
    """

    targets: tuple[str, ...] | str
    r: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    rslora: bool = False
    dora: bool = False
    heads: tuple[str, ...] = ()
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")

    def options(self, layer: str) -> dict[str, float | int | bool]:
        """Return the settings of the layer with this name, as `AdaptedLayer.add` takes them."""
        return {
            "r": _override(self.rank_pattern, layer, self.r),
            "alpha": _override(self.alpha_pattern, layer, self.alpha),
            "dropout": self.dropout,
            "rslora": self.rslora,
            "dora": self.dora,
        }


def _override(patterns: Mapping[str, float], layer: str, default: float) -> float:
    for pattern, value in patterns.items():
        if re.fullmatch(rf"(.*\.)?({pattern})", layer):
            return value
    return default
