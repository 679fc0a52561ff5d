"""Classic wrong answers for `solution/feedforward.py`."""

import math

import torch

from shared.mistakes import mistake


@mistake(
    "1.11",
    "feedforward.gelu",
    "That is the exact GELU, by erf; GPT-2 was trained with the approximation by tanh, up to 5e-4 away.",
)
def gelu_exact(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


@mistake(
    "1.11",
    "feedforward.gelu",
    "That is the approximation by a sigmoid, x sigmoid(1.702 x); the paper has two, and GPT-2 uses the one by tanh.",
)
def gelu_by_sigmoid(x):
    return x * torch.sigmoid(1.702 * x)


@mistake(
    "1.11",
    "feedforward.gelu",
    "The x in front is missing: what is left is the share that passes, between 0 and 1.",
)
def gelu_only_the_share(x):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@mistake(
    "1.11",
    "feedforward.gelu",
    "The half is missing: 1 + tanh goes from 0 to 2, and a share must end at 1.",
)
def gelu_without_half(x):
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@mistake(
    "1.11",
    "feedforward.gelu",
    "x is squared inside; the correction is cubic, so that tanh stays odd.",
)
def gelu_squares(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**2)))


@mistake(
    "1.11",
    "feedforward.gelu",
    "sqrt(2 / pi) multiplies x alone; the bracket behind it holds the cubic term as well.",
)
def gelu_scales_x_only(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * x + 0.044715 * x**3))


@mistake(
    "1.11",
    "feedforward.gelu",
    "The factor inside is 2 / pi without its root.",
)
def gelu_without_root(x):
    return 0.5 * x * (1 + torch.tanh(2 / math.pi * (x + 0.044715 * x**3)))


@mistake(
    "1.11",
    "feedforward.gelu",
    "The cubic term is missing: without it the approximation is off by up to 0.02.",
)
def gelu_without_cube(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * x))


@mistake(
    "1.11",
    "feedforward.gelu",
    "x is changed in place, and autograd and the caller still need it.",
)
def gelu_in_place(x):
    x *= 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x
