"""Classic wrong answers for `solution/adam8bit.py`: the step."""

import torch

from phase3_alignment.solution.adam8bit import SIGNED, UNSIGNED, dequantize, quantize
from shared.mistakes import mistake


def _moments(state, g, beta1, beta2, levels=(SIGNED, UNSIGNED)):
    """The two moments after the gradient g."""
    m = beta1 * dequantize(*state["m"], levels[0]) + (1 - beta1) * g
    v = beta2 * dequantize(*state["v"], levels[1]) + (1 - beta2) * g**2
    return m, v


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "v is stored with the signed map: it is never negative, so half of its levels are wasted, and its codes mean other numbers.",
)
def step_signed_v(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.float().flatten()
            m, v = _moments(state, g, beta1, beta2, (SIGNED, SIGNED))
            root = (v / (1 - beta2**self.steps)).abs().sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, SIGNED)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "The moments are quantised before they are used: the step then has the error of this rounding as well. Use, then store.",
)
def step_uses_rounded_moments(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.float().flatten()
            m, v = _moments(state, g, beta1, beta2)
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, UNSIGNED)
            m, v = dequantize(*state["m"], SIGNED), dequantize(*state["v"], UNSIGNED)
            root = (v / (1 - beta2**self.steps)).sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "The corrections for the start, 1 - beta^t, are missing: the first steps are far off.",
)
def step_without_correction(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.float().flatten()
            m, v = _moments(state, g, beta1, beta2)
            move = self.lr * m / (v.sqrt() + self.eps)
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, UNSIGNED)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "The corrected moments are stored, and will be corrected once more at the next step.",
)
def step_stores_corrected_moments(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.float().flatten()
            m, v = _moments(state, g, beta1, beta2)
            m, v = m / (1 - beta1**self.steps), v / (1 - beta2**self.steps)
            move = self.lr * m / (v.sqrt() + self.eps)
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, UNSIGNED)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "eps is added under the root: it is added to the root.",
)
def step_eps_under_the_root(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.float().flatten()
            m, v = _moments(state, g, beta1, beta2)
            root = (v / (1 - beta2**self.steps) + self.eps).sqrt()
            move = self.lr * m / (1 - beta1**self.steps) / root
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, UNSIGNED)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "Weight decay goes into the gradient, and so into both moments. Decoupled, it shrinks the parameter and nothing else.",
)
def step_coupled_decay(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = (parameter.grad + self.weight_decay * parameter).float().flatten()
            m, v = _moments(state, g, beta1, beta2)
            root = (v / (1 - beta2**self.steps)).sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            parameter.copy_(parameter.float() - move.view_as(parameter))
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, UNSIGNED)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "The step is counted once for each parameter: one call is one step, for all of them.",
)
def step_counts_parameters(self):
    with torch.no_grad():
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            self.steps += 1
            g = parameter.grad.float().flatten()
            m, v = _moments(state, g, beta1, beta2)
            root = (v / (1 - beta2**self.steps)).sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, UNSIGNED)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "No gradient is not a gradient of zeros: its moments decay, and the parameter goes on moving.",
)
def step_takes_zeros(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            g = grad.float().flatten()
            m, v = _moments(state, g, beta1, beta2)
            root = (v / (1 - beta2**self.steps)).sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, UNSIGNED)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "The new moments are never stored, so every step begins with the same ones.",
)
def step_forgets_the_moments(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.float().flatten()
            m, v = _moments(state, g, beta1, beta2)
            root = (v / (1 - beta2**self.steps)).sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "v follows the gradient, not its square.",
)
def step_v_without_square(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.float().flatten()
            m, _ = _moments(state, g, beta1, beta2)
            v = beta2 * dequantize(*state["v"], UNSIGNED) + (1 - beta2) * g.abs()
            root = (v / (1 - beta2**self.steps)).sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))
            state["m"], state["v"] = quantize(m, SIGNED), quantize(v, UNSIGNED)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "The moments are stored in float32: the same numbers, more exact, and four times the memory that was promised.",
)
def step_stores_float32(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.float().flatten()
            if self.steps == 1:
                m, v = (1 - beta1) * g, (1 - beta2) * g**2
            else:
                m, v = _moments(state, g, beta1, beta2)
            root = (v / (1 - beta2**self.steps)).sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            kept = (1 - self.lr * self.weight_decay) * parameter.float()
            parameter.copy_(kept - move.view_as(parameter))
            (a, b), (c, d) = quantize(m, SIGNED), quantize(v, UNSIGNED)
            state["m"], state["v"] = (a.float(), b), (c.float(), d)


@mistake(
    "3.8",
    "adam8bit.Adam8bit.step",
    "All is computed in the parameter's own dtype: in bfloat16 small moves are lost in the rounding of every stage.",
)
def step_in_the_parameters_dtype(self):
    with torch.no_grad():
        self.steps += 1
        beta1, beta2 = self.betas
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is None:
                continue
            g = parameter.grad.flatten()
            m = beta1 * dequantize(*state["m"], SIGNED).to(g.dtype) + (1 - beta1) * g
            v = beta2 * dequantize(*state["v"], UNSIGNED).to(g.dtype) + (1 - beta2) * g**2
            root = (v / (1 - beta2**self.steps)).sqrt() + self.eps
            move = self.lr * m / (1 - beta1**self.steps) / root
            parameter.mul_(1 - self.lr * self.weight_decay).sub_(move.view_as(parameter))
            state["m"], state["v"] = quantize(m.float(), SIGNED), quantize(v.float(), UNSIGNED)
