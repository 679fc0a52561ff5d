"""Adam whose two moments lie in eight bits: 2.03 bytes for each parameter in place of 8.

Dettmers et al. 2022 ("8-bit Optimizers via Block-wise Quantization", arXiv:2110.02861), section 2.
The moments are dequantised for the step, updated in float32, used, and quantised again; each block
of `GROUP` numbers has its own scale, so that one outlier spoils its own block alone.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from phase3_alignment.solution.double_quant import GROUP, dynamic_map
from phase3_alignment.solution.nf4 import TINY, in_blocks, nearest

SIGNED, UNSIGNED = dynamic_map(), dynamic_map(signed=False)


def quantize(x: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Turn numbers into eight-bit codes, and one scale for each block of `GROUP`.

    A block's scale is its largest absolute value; it divides the block, and each quotient becomes
    the index of its nearest level. Zero becomes the level zero, in a block of zeros, too.

    Args:
        x: of any shape, N numbers in float32, left as they are; blocks follow it row by row.
        levels: (256,) ascending, with a zero.

    Returns:
        codes: (N,) uint8.
        absmax: (ceil(N / GROUP),) float32.

    Raises:
        ValueError: if there are not 256 levels.
    """
    if levels.shape != (256,):
        raise ValueError(f"expected 256 levels, got {tuple(levels.shape)}")
    # TODO 3.8: Codes of the nearest of 256 levels, and the largest absolute value of each block of
    # 256.
    raise NotImplementedError("exercise 3.8: quantize")


def dequantize(codes: Tensor, absmax: Tensor, levels: Tensor) -> Tensor:
    """Turn codes back into numbers: each code's level times its block's scale.

    Args:
        codes: (N,) uint8.
        absmax: (ceil(N / GROUP),) float32.
        levels: those with which the codes were made.

    Returns:
        (N,) float32, new.

    Raises:
        ValueError: if there are not as many scales as the codes need.
    """
    if len(absmax) != -(-len(codes) // GROUP):
        raise ValueError(f"{len(absmax)} scales do not fit {len(codes)} codes")
    # TODO 3.8: Each code's level times its block's scale.
    raise NotImplementedError("exercise 3.8: dequantize")


class Adam8bit:
    """Adam, with decoupled weight decay, that remembers its moments in eight bits.

    Args:
        parameters: those that learn.
        lr: the step size, alpha of Kingma and Ba (arXiv:1412.6980).
        betas: decay rates of the two moments.
        eps: added to the root of the second moment.
        weight_decay: each step first multiplies a parameter by 1 - lr * weight_decay.

    Attributes:
        state: for each parameter {"m": (codes, absmax), "v": (codes, absmax)}, as `quantize` gives
            them; m with the levels `SIGNED`, v, which is never negative, with `UNSIGNED`.
        steps: taken so far.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters, self.steps = list(parameters), 0
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.state = []
        for parameter in self.parameters:
            zeros = torch.zeros_like(parameter, dtype=torch.float32)
            self.state.append({"m": quantize(zeros, SIGNED), "v": quantize(zeros, UNSIGNED)})

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient, in place.

        With the moments m and v from the state, the gradient g, and t the number of this step, 1
        for the first: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, and the parameter
        moves by -lr m' / (sqrt(v') + eps), m' = m / (1 - beta1^t), v' = v / (1 - beta2^t), after
        the weight decay. The step uses m and v before they are quantised; the state then holds
        them, without the corrections, quantised. All is computed in float32; a parameter of
        another dtype is rounded once. One without a gradient stays, and so does its state.
        """
        # TODO 3.8: Adam's step with decoupled weight decay, from moments in eight bits, which it
        # leaves in eight bits.
        raise NotImplementedError("exercise 3.8: Adam8bit.step")

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_bytes(self) -> int:
        """Count the bytes of both moments of all parameters."""
        return sum(part.nbytes for s in self.state for moment in s.values() for part in moment)
