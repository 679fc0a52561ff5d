"""Classic wrong answers for `solution/tensor_parallel.py`."""

import torch
import torch.distributed as dist
import torch.nn.functional as F

from phase2_scaling.solution.tensor_parallel import f, g
from shared.mistakes import mistake


@mistake(
    "2.20",
    "tensor_parallel.Copy.forward",
    "f adds up in the forward pass already: every rank has all of x, and now has n times it.",
)
def copy_forward_sums(ctx, x, group):
    ctx.group = group
    total = x.clone()
    dist.all_reduce(total, group=group)
    return total


@mistake(
    "2.20",
    "tensor_parallel.Copy.forward",
    "x is averaged on the way in: equal copies survive that, but f must send nothing forward.",
)
def copy_forward_averages(ctx, x, group):
    ctx.group = group
    mean = x / dist.get_world_size(group)
    dist.all_reduce(mean, group=group)
    return mean


@mistake(
    "2.20",
    "tensor_parallel.Copy.backward",
    "The gradient is passed on as it is: a rank knows only what its own columns want of x. Forward is right, all layers before learn the wrong thing.",
)
def copy_backward_alone(ctx, gradient):
    return gradient, None


@mistake(
    "2.20",
    "tensor_parallel.Copy.backward",
    "The mean is taken over the ranks: they hold different columns, whose contributions to x's gradient add up.",
)
def copy_backward_mean(ctx, gradient):
    total = gradient.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total, group=ctx.group)
    return total / dist.get_world_size(ctx.group), None


@mistake(
    "2.20",
    "tensor_parallel.Copy.backward",
    "The incoming gradient itself is overwritten: autograd may hand the same tensor to others. Reduce a copy.",
)
def copy_backward_in_place(ctx, gradient):
    dist.all_reduce(gradient, group=ctx.group)
    return gradient, None


@mistake(
    "2.20",
    "tensor_parallel.Copy.backward",
    "The sum goes over all ranks there are: other groups work on other data.",
)
def copy_backward_everyone(ctx, gradient):
    total = gradient.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total, None


@mistake(
    "2.20",
    "tensor_parallel.Reduce.forward",
    "Nothing is added up: each rank has only its own term.",
)
def reduce_forward_alone(ctx, x, group):
    return x.view_as(x)


@mistake(
    "2.20",
    "tensor_parallel.Reduce.forward",
    "The caller's x is overwritten by the sum; reduce a copy.",
)
def reduce_forward_in_place(ctx, x, group):
    dist.all_reduce(x, group=group)
    return x.clone()


@mistake(
    "2.20",
    "tensor_parallel.Reduce.forward",
    "The ranks' terms are averaged: a product over cut rows is their sum.",
)
def reduce_forward_mean(ctx, x, group):
    total = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total, group=group)
    return total / dist.get_world_size(group)


@mistake(
    "2.20",
    "tensor_parallel.Reduce.forward",
    "The sum goes over all ranks there are, not over the group.",
)
def reduce_forward_everyone(ctx, x, group):
    total = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


@mistake(
    "2.20",
    "tensor_parallel.Reduce.backward",
    "The gradient is summed over ranks too. All of them compute the same loss from the same sum, so it is n times too large.",
)
def reduce_backward_sums(ctx, gradient):
    total = gradient.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total, None


@mistake(
    "2.20",
    "tensor_parallel.Reduce.backward",
    "The gradient is shared out: each term enters the sum with weight 1, so each gets the whole gradient of it.",
)
def reduce_backward_shares(ctx, gradient):
    return gradient / dist.get_world_size(), None


@mistake(
    "2.20",
    "tensor_parallel.ColumnLinear.forward",
    "Nothing adds up the gradients of x: the output is right, and everything in front of the layer learns from one rank's columns.",
)
def column_linear_without_f(self, x):
    return F.linear(x, self.weight, self.bias)


@mistake(
    "2.20",
    "tensor_parallel.ColumnLinear.forward",
    "f stands behind the product: it belongs at x, the last thing that all ranks have in common.",
)
def column_linear_f_behind(self, x):
    return f(F.linear(x, self.weight, self.bias), self.group)


@mistake(
    "2.20",
    "tensor_parallel.ColumnLinear.forward",
    "The outputs are added up over ranks: they are different columns, side by side, and nothing is to travel forward.",
)
def column_linear_adds(self, x):
    return g(F.linear(f(x, self.group), self.weight, self.bias), self.group)


@mistake(
    "2.20",
    "tensor_parallel.ColumnLinear.forward",
    "The outputs of all ranks are gathered: the next layer is cut by rows and wants only the rank's own.",
)
def column_linear_gathers(self, x):
    y = F.linear(f(x, self.group), self.weight, self.bias)
    parts = [torch.empty_like(y) for _ in range(dist.get_world_size(self.group))]
    dist.all_gather(parts, y.detach().contiguous(), group=self.group)
    parts[dist.get_rank(self.group)] = y
    return torch.cat(parts, dim=-1)


@mistake(
    "2.20",
    "tensor_parallel.ColumnLinear.forward",
    "The bias is missing: each output's bias lives where the output is made.",
)
def column_linear_without_bias(self, x):
    return F.linear(f(x, self.group), self.weight)


@mistake(
    "2.20",
    "tensor_parallel.RowLinear.forward",
    "Every rank adds the bias to its term, so the sum has it n times.",
)
def row_linear_bias_on_every_rank(self, x):
    return g(F.linear(x, self.weight, self.bias), self.group)


@mistake(
    "2.20",
    "tensor_parallel.RowLinear.forward",
    "An n-th of the bias goes into each term: the value is right, but the bias gets an n-th of its gradient. Add it behind the sum.",
)
def row_linear_bias_in_shares(self, x):
    n = dist.get_world_size(self.group)
    return g(F.linear(x, self.weight, None if self.bias is None else self.bias / n), self.group)


@mistake(
    "2.20",
    "tensor_parallel.RowLinear.forward",
    "Only the first rank adds the bias in front of the sum: the value is right, but the others' copies get no gradient and drift away.",
)
def row_linear_bias_on_the_first_rank(self, x):
    first = dist.get_rank(self.group) == 0
    return g(F.linear(x, self.weight, self.bias if first else None), self.group)


@mistake(
    "2.20",
    "tensor_parallel.RowLinear.forward",
    "The ranks' terms are not added up in the forward pass: each has used a part of the inputs only. f does not do that, g does.",
)
def row_linear_alone(self, x):
    total = F.linear(x, self.weight)
    return total if self.bias is None else total + self.bias


@mistake(
    "2.20",
    "tensor_parallel.RowLinear.forward",
    "The inputs are added up in place of the outputs: rank r's inputs belong to rank r's rows.",
)
def row_linear_sums_inputs(self, x):
    total = F.linear(g(x, self.group), self.weight)
    return total if self.bias is None else total + self.bias


@mistake(
    "2.20",
    "tensor_parallel.RowLinear.forward",
    "The bias is left out.",
)
def row_linear_without_bias(self, x):
    return g(F.linear(x, self.weight), self.group)


@mistake(
    "2.20",
    "tensor_parallel.ColumnLinear.forward",
    "f gets no group, so it adds up over all ranks there are: pass on the layer's own.",
)
def column_linear_without_group(self, x):
    return F.linear(f(x), self.weight, self.bias)


@mistake(
    "2.20",
    "tensor_parallel.RowLinear.forward",
    "g gets no group, so it adds up over all ranks there are: pass on the layer's own.",
)
def row_linear_without_group(self, x):
    y = g(F.linear(x, self.weight))
    return y if self.bias is None else y + self.bias


@mistake(
    "2.20",
    "tensor_parallel.RowLinear.forward",
    "f stands in front of the inputs: they differ from rank to rank, and so do their gradients; nothing is to be added there.",
)
def row_linear_f_in_front(self, x):
    y = g(F.linear(f(x, self.group), self.weight), self.group)
    return y if self.bias is None else y + self.bias
