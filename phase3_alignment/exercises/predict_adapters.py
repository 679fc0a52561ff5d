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
    # TODO 3.4: Return how many parameters train.
    raise NotImplementedError("exercise 3.4: parameters_of_c_attn")


def gradient_at_the_first_step() -> str:
    """Where is the gradient not zero in the first step of training, with A drawn and B zero?

    a. In A and in B.
    b. In A alone.
    c. In B alone.
    d. Nowhere: the product B A is zero.

    Return a letter.
    """
    # TODO 3.4: Return the letter of where the first gradient is not zero.
    raise NotImplementedError("exercise 3.4: gradient_at_the_first_step")


def rank_of_two_adapters() -> int:
    """What is the rank of the sum of the corrections of two adapters, of rank 4 and of rank 8?

    Both were trained on the same layer of 768 inputs and 2304 outputs, each for a task of its own,
    and both are active.

    Return a whole number.
    """
    # TODO 3.4: Return the rank of the sum of both corrections.
    raise NotImplementedError("exercise 3.4: rank_of_two_adapters")


def bytes_of_adam() -> float:
    """How many times less do gradients and Adam's two moments take than in full fine-tuning?

    The model is GPT-2, 124,439,808 parameters; the correction has rank 4, on each c_attn. All is
    float32. Count gradients and moments of what trains, and neither weights nor activations.

    Return a number: bytes in full fine-tuning over bytes with the correction, right to 3 %.
    """
    # TODO 3.4: Return bytes of gradients and moments, in full fine-tuning over with the correction.
    raise NotImplementedError("exercise 3.4: bytes_of_adam")


def bits_of_a_weight() -> float:
    """How many bits does a weight take in QLoRA's NF4 with double quantisation, scales included?

    A weight is a code of 4 bits. 64 weights share a scale. A scale is a code of 8 bits, and 256
    scales share one number in float32.

    Return a number of bits per weight, right to 0.02 %.
    """
    # TODO 3.4: Return bits per weight, the scales included.
    raise NotImplementedError("exercise 3.4: bits_of_a_weight")
