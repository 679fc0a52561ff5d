"""Before you adapt: how much, how large, who moves? Five questions.

Answer by returning literals. The finished file makes the adapters, or the bytes, and looks.
"""

import torch
from transformers.pytorch_utils import Conv1D

from phase3_alignment.solution.adapted import AdaptedLayer
from phase3_alignment.solution.lora import LoRA, delta_weight


def parameters_of_c_attn() -> int:
    """How many parameters train, with a correction of rank 4 on each c_attn of GPT-2?

    GPT-2 has 12 blocks and is 768 wide; c_attn gives query, key and value at once. There are
    corrections nowhere else, and no bias trains.

    Return a whole number.
    """
    layer = AdaptedLayer(Conv1D(3 * 768, 768).requires_grad_(False))
    layer.add("default", r=4, alpha=16, dropout=0.0, rslora=False, dora=False)
    return 12 * sum(p.numel() for p in layer.parameters() if p.requires_grad)


def gradient_at_the_first_step() -> str:
    """Where is the gradient not zero in the first step of training, with A drawn and B zero?

    a. In A and in B.
    b. In A alone.
    c. In B alone.
    d. Nowhere: the product B A is zero.

    Return a letter.
    """
    adapter = LoRA(4, 3, r=2)
    adapter(torch.ones(1, 4)).sum().backward()
    in_a, in_b = bool(adapter.lora_A.grad.any()), bool(adapter.lora_B.grad.any())
    return {(True, True): "a", (True, False): "b", (False, True): "c", (False, False): "d"}[
        in_a, in_b
    ]


def rank_of_two_adapters() -> int:
    """What is the rank of the sum of the corrections of two adapters, of rank 4 and of rank 8?

    Both were trained on the same layer of 768 inputs and 2304 outputs, each for a task of its own,
    and both are active.

    Return a whole number.
    """
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(48, 32, dtype=torch.float64)  # a smaller layer: the rank is the same
    for r in (4, 8):
        adapter = LoRA(32, 48, r=r, dtype=torch.float64)
        for p in adapter.parameters():
            p.data.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64))
        total += delta_weight(adapter, transposed=False)
    return int(torch.linalg.matrix_rank(total))


def bytes_of_adam() -> float:
    """How many times less do gradients and Adam's two moments take than in full fine-tuning?

    The model is GPT-2, 124,439,808 parameters; the correction has rank 4, on each c_attn. All is
    float32. Count gradients and moments of what trains, and neither weights nor activations.

    Return a number: bytes in full fine-tuning over bytes with the correction, right to 3 %.
    """
    return 124_439_808 / parameters_of_c_attn()


def bits_of_a_weight() -> float:
    """How many bits does a weight take in QLoRA's NF4 with double quantisation, scales included?

    A weight is a code of 4 bits. 64 weights share a scale. A scale is a code of 8 bits, and 256
    scales share one number in float32.

    Return a number of bits per weight, right to 0.02 %.
    """
    n = 64 * 256
    codes = torch.empty(n // 2, dtype=torch.uint8)  # two to a byte
    scales = torch.empty(n // 64, dtype=torch.uint8)
    scale_of_scales = torch.empty(1, dtype=torch.float32)
    return 8 * sum(part.nbytes for part in (codes, scales, scale_of_scales)) / n
