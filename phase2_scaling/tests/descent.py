"""What the tests of sharding train with: an optimiser by hand, for torch's takes long to import."""

import torch


class Momentum:
    """Gradient descent with momentum and decay, as `torch.optim` would have it."""

    def __init__(self, groups, **options):
        groups = list(groups)
        groups = groups if groups and isinstance(groups[0], dict) else [{"params": groups}]
        defaults = {"lr": 1.0, "decay": 0.0, "momentum": 0.0, **options}
        self.param_groups = [{**defaults, **group} for group in groups]
        self.state = {}

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    gradient = p.grad + group["decay"] * p.data
                    old = self.state.get(p, torch.zeros_like(p.data))
                    self.state[p] = group["momentum"] * old + gradient
                    p.data -= group["lr"] * self.state[p]

    def zero_grad(self, set_to_none=True):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None if set_to_none or p.grad is None else torch.zeros_like(p)
