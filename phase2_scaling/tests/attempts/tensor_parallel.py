"""The mistakes of `mistakes/tensor_parallel.py`, as others would write them."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.tensor_parallel import Copy, Reduce
from shared.mistakes import attempt


@attempt("copy_forward_sums")
def _(ctx, x, group):
    ctx.group = group
    out = x.detach().clone()
    dist.all_reduce(out, op=dist.ReduceOp.SUM, group=group)
    return out


@attempt("copy_forward_averages")
def _(ctx, x, group):
    ctx.group = group
    y = x.clone()
    dist.all_reduce(y, group=group)
    return y.div_(dist.get_world_size(group))


@attempt("copy_backward_alone")
def _(ctx, grad_output):
    return grad_output.clone(), None


@attempt("copy_backward_mean")
def _(ctx, grad_output):
    grad = grad_output.contiguous() / dist.get_world_size(ctx.group)
    dist.all_reduce(grad, group=ctx.group)
    return grad, None


@attempt("copy_backward_in_place")
def _(ctx, grad_output):
    handle = dist.all_reduce(grad_output, group=ctx.group, async_op=True)
    handle.wait()
    return grad_output, None


@attempt("copy_backward_everyone")
def _(ctx, grad_output):
    grad = grad_output.clone().contiguous()
    dist.all_reduce(grad, op=dist.ReduceOp.SUM, group=dist.group.WORLD)
    return grad, None


@attempt("reduce_forward_alone")
def _(ctx, x, group):
    return x.clone()


@attempt("reduce_forward_in_place")
def _(ctx, x, group):
    dist.all_reduce(x.data, group=group)
    return x.view_as(x)


@attempt("reduce_forward_mean")
def _(ctx, x, group):
    y = x / dist.get_world_size(group)
    y = y.contiguous()
    dist.all_reduce(y, group=group)
    return y


@attempt("reduce_forward_everyone")
def _(ctx, x, group):
    y = x.contiguous().clone()
    dist.all_reduce(y, op=dist.ReduceOp.SUM, group=None)
    return y


@attempt("reduce_backward_sums")
def _(ctx, grad_output):
    grad = grad_output.contiguous().clone()
    dist.all_reduce(grad, op=dist.ReduceOp.SUM)
    return grad, None


@attempt("reduce_backward_shares")
def _(ctx, grad_output):
    return grad_output * (1 / dist.get_world_size()), None


@attempt("column_linear_without_f")
def _(self, x):
    y = x @ self.weight.T
    if self.bias is not None:
        y = y + self.bias
    return y


@attempt("column_linear_f_behind")
def _(self, x):
    y = x @ self.weight.T
    if self.bias is not None:
        y = y + self.bias
    return Copy.apply(y, self.group)


@attempt("column_linear_adds")
def _(self, x):
    y = Copy.apply(x, self.group) @ self.weight.T
    if self.bias is not None:
        y = y + self.bias
    return Reduce.apply(y, self.group)


@attempt("column_linear_gathers")
def _(self, x):
    y = torch.nn.functional.linear(Copy.apply(x, self.group), self.weight, self.bias)
    size = dist.get_world_size(self.group)
    whole = [torch.zeros_like(y) for _ in range(size)]
    dist.all_gather(whole, y.contiguous().detach(), group=self.group)
    mine = dist.get_rank(self.group)
    return torch.cat([y if i == mine else part for i, part in enumerate(whole)], -1)


@attempt("column_linear_without_bias")
def _(self, x):
    x = Copy.apply(x, self.group)
    return x @ self.weight.transpose(0, 1)


@attempt("row_linear_bias_on_every_rank")
def _(self, x):
    y = x @ self.weight.T
    if self.bias is not None:
        y = y + self.bias
    return Reduce.apply(y, self.group)


@attempt("row_linear_bias_in_shares")
def _(self, x):
    y = x @ self.weight.T
    if self.bias is not None:
        y = y + self.bias / dist.get_world_size(self.group)
    return Reduce.apply(y, self.group)


@attempt("row_linear_bias_on_the_first_rank")
def _(self, x):
    y = x @ self.weight.T
    if self.bias is not None and dist.get_rank(self.group) == 0:
        y = y + self.bias
    return Reduce.apply(y, self.group)


@attempt("row_linear_alone")
def _(self, x):
    y = Copy.apply(x @ self.weight.T, self.group)
    return y if self.bias is None else y + self.bias


@attempt("row_linear_sums_inputs")
def _(self, x):
    inputs = Reduce.apply(x, self.group)
    return torch.nn.functional.linear(inputs, self.weight, self.bias)


@attempt("row_linear_without_bias")
def _(self, x):
    partial = x @ self.weight.T
    return Reduce.apply(partial, self.group)


@attempt("column_linear_without_group")
def _(self, x):
    out = Copy.apply(x, None) @ self.weight.T
    return out if self.bias is None else out + self.bias


@attempt("row_linear_without_group")
def _(self, x):
    out = Reduce.apply(x @ self.weight.T, None)
    return out + self.bias if self.bias is not None else out


@attempt("row_linear_f_in_front")
def _(self, x):
    out = Reduce.apply(Copy.apply(x, self.group) @ self.weight.T, self.group)
    return out + self.bias if self.bias is not None else out
