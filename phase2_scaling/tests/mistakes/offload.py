"""Classic wrong answers for `solution/offload.py`: the optimiser."""

import torch
from torch.autograd.graph import saved_tensors_hooks

from phase2_scaling.solution import tracker
from phase2_scaling.solution.offload import bring
from shared.mistakes import mistake


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "The updated state is never copied back: the next step begins where this one did, and nothing adds up.",
)
def offloaded_step_forgets(self):
    self.steps += 1
    for parameter, resting in zip(self.parameters, self.resting, strict=True):
        if parameter.grad is None:
            continue
        state = {name: bring(part, parameter.device) for name, part in resting.items()}
        self.rule.update(parameter, parameter.grad, state, self.steps)
        del state


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "All states are brought before the first update: at that moment everything is on the device again.",
)
def offloaded_step_brings_all(self):
    self.steps += 1
    states = [
        {name: bring(part, parameter.device) for name, part in resting.items()}
        for parameter, resting in zip(self.parameters, self.resting, strict=True)
    ]
    for parameter, resting, state in zip(self.parameters, self.resting, states, strict=True):
        if parameter.grad is None:
            continue
        self.rule.update(parameter, parameter.grad, state, self.steps)
        for name, part in resting.items():
            part.copy_(state[name])


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "The state that was brought takes the place of the one that rested: after one step all of it lives on the device.",
)
def offloaded_step_stays(self):
    self.steps += 1
    for i, parameter in enumerate(self.parameters):
        if parameter.grad is None:
            continue
        resting = self.resting[i]
        self.resting[i] = {name: bring(part, parameter.device) for name, part in resting.items()}
        self.rule.update(parameter, parameter.grad, self.resting[i], self.steps)


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "Each step makes new tensors elsewhere and drops the old ones: memory that is pinned again and again. There are tensors where the state rests: copy into them.",
)
def offloaded_step_makes_new_ones(self):
    self.steps += 1
    for i, parameter in enumerate(self.parameters):
        if parameter.grad is None:
            continue
        state = {name: bring(part, parameter.device) for name, part in self.resting[i].items()}
        self.rule.update(parameter, parameter.grad, state, self.steps)
        self.resting[i] = {name: tracker.elsewhere(part) for name, part in state.items()}
        del state


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "The rule works on the resting tensors where they are: on a GPU it would be asked to add numbers of two devices. Bring them first.",
)
def offloaded_step_never_brings(self):
    self.steps += 1
    for parameter, resting in zip(self.parameters, self.resting, strict=True):
        if parameter.grad is not None:
            self.rule.update(parameter, parameter.grad, resting, self.steps)


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "The last state is still held by its name while the next one is brought: two are on the device. Let go of it first.",
)
def offloaded_step_holds_two(self):
    self.steps += 1
    for parameter, resting in zip(self.parameters, self.resting, strict=True):
        if parameter.grad is None:
            continue
        state = {name: bring(part, parameter.device) for name, part in resting.items()}
        self.rule.update(parameter, parameter.grad, state, self.steps)
        for name, part in resting.items():
            part.copy_(state[name])


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "The step is counted once per parameter: one call of step is one step, for all of them.",
)
def offloaded_step_counts_parameters(self):
    for parameter, resting in zip(self.parameters, self.resting, strict=True):
        if parameter.grad is None:
            continue
        self.steps += 1
        state = {name: bring(part, parameter.device) for name, part in resting.items()}
        self.rule.update(parameter, parameter.grad, state, self.steps)
        for name, part in resting.items():
            part.copy_(state[name])
        del state


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "The first step has the number 0 here; Adam's correction then divides by 1 - beta^0 = 0. Count first.",
)
def offloaded_step_counts_late(self):
    for parameter, resting in zip(self.parameters, self.resting, strict=True):
        if parameter.grad is None:
            continue
        state = {name: bring(part, parameter.device) for name, part in resting.items()}
        self.rule.update(parameter, parameter.grad, state, self.steps)
        for name, part in resting.items():
            part.copy_(state[name])
        del state
    self.steps += 1


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "No gradient is not a gradient of zeros: weight decay and old moments would still move such a parameter.",
)
def offloaded_step_takes_zeros(self):
    self.steps += 1
    for parameter, resting in zip(self.parameters, self.resting, strict=True):
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        state = {name: bring(part, parameter.device) for name, part in resting.items()}
        self.rule.update(parameter, gradient, state, self.steps)
        for name, part in resting.items():
            part.copy_(state[name])
        del state


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "A parameter without a gradient ends the loop: those behind it never move.",
)
def offloaded_step_stops_early(self):
    self.steps += 1
    for parameter, resting in zip(self.parameters, self.resting, strict=True):
        if parameter.grad is None:
            break
        state = {name: bring(part, parameter.device) for name, part in resting.items()}
        self.rule.update(parameter, parameter.grad, state, self.steps)
        for name, part in resting.items():
            part.copy_(state[name])
        del state


@mistake(
    "2.12",
    "offload.OffloadedOptimizer.step",
    "The variable of the loop that copies back still holds a tensor of the last state while the next one is here: a name is enough to keep it.",
)
def offloaded_step_loop_variable(self):
    self.steps += 1
    for parameter, resting in zip(self.parameters, self.resting, strict=True):
        if parameter.grad is None:
            continue
        state = {name: bring(part, parameter.device) for name, part in resting.items()}
        self.rule.update(parameter, parameter.grad, state, self.steps)
        for name, part in state.items():
            resting[name].copy_(part)
        del state
