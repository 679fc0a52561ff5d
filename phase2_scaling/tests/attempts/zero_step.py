"""The mistakes of `mistakes/zero_step.py`, as others would write them."""

import torch
import torch.distributed as dist

from shared.mistakes import attempt


def hand_out(self, scale=1.0):
    for i, part in enumerate(self.parts):
        piece = self.pieces[i]
        whole = self.params[piece.index].grad
        if whole is None:
            continue
        part.grad = whole.flatten()[piece.start : piece.stop].to(part.dtype) * scale


def take_back(self):
    for i, part in enumerate(self.parts):
        piece = self.pieces[i]
        part.grad = None
        row = self.params[piece.index].data.view(-1)
        if row.dtype != part.dtype:
            row[piece.start : piece.stop].copy_(part.detach())


def spread(self):
    mine = self.shares[self.rank].clone()
    dist.all_gather(self.shares, mine, group=self.group)


@attempt("step_keeps_to_itself")
def _(self):
    hand_out(self)
    self.inner.step()
    take_back(self)


@attempt("step_gathers_first")
def _(self):
    spread(self)
    hand_out(self)
    self.inner.step()
    take_back(self)


@attempt("step_takes_first_numbers")
def _(self):
    for piece, part in zip(self.pieces, self.parts):
        whole = self.params[piece.index].grad
        if whole is not None:
            part.grad = whole.flatten()[: part.numel()].to(part.dtype)
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_averages_again")
def _(self):
    hand_out(self, scale=1 / dist.get_world_size(self.group))
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_adds_up_gradients")
def _(self):
    kept = []
    for p in self.params:
        kept.append(p.grad)
        if p.grad is not None:
            p.grad = p.grad.clone(memory_format=torch.contiguous_format)
            dist.all_reduce(p.grad, group=self.group)
    hand_out(self)
    for p, gradient in zip(self.params, kept):
        p.grad = gradient
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_broadcasts_rank_0")
def _(self):
    hand_out(self)
    self.inner.step()
    take_back(self)
    for p in self.params:
        dist.broadcast(p.data, group=self.group, group_src=0)


@attempt("step_averages_the_row")
def _(self):
    hand_out(self)
    self.inner.step()
    take_back(self)
    for share in self.shares:
        dist.all_reduce(share, group=self.group)
        share /= self.n


@attempt("step_leaves_old_gradients")
def _(self):
    hand_out(self)
    self.inner.step()
    kept = [part.grad for part in self.parts]
    take_back(self)
    for part, gradient in zip(self.parts, kept):
        part.grad = gradient
    spread(self)


@attempt("step_drops_parameters_gradients")
def _(self):
    hand_out(self)
    for p in self.params:
        p.grad = None
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_overwrites_parts_gradients")
def _(self):
    for part in self.parts:
        part.grad = None
    hand_out(self)
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_makes_up_zeros")
def _(self):
    hand_out(self)
    for part in self.parts:
        if part.grad is None:
            part.grad = torch.zeros_like(part)
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_forgets_the_master")
def _(self):
    hand_out(self)
    self.inner.step()
    for part in self.parts:
        part.grad = None
    spread(self)


@attempt("step_forgets_the_group")
def _(self):
    hand_out(self)
    self.inner.step()
    take_back(self)
    dist.all_gather(self.shares, self.shares[self.rank].clone())


@attempt("step_views_the_gradient")
def _(self):
    for piece, part in zip(self.pieces, self.parts):
        whole = self.params[piece.index].grad
        if whole is not None:
            part.grad = whole.view(whole.numel())[piece.start : piece.stop].to(part.dtype)
    self.inner.step()
    take_back(self)
    spread(self)


@attempt("step_all_reduces")
def _(self):
    for i, piece in enumerate(self.pieces):
        whole = self.params[piece.index].grad
        if whole is not None:
            run = whole.reshape(-1)[piece.start : piece.stop]
            self.parts[i].grad = run.to(self.parts[i].dtype)
    self.inner.step()
    take_back(self)
    mine = torch.zeros_like(self.flat)
    mine.chunk(self.n)[self.rank].copy_(self.shares[self.rank])
    dist.all_reduce(mine, group=self.group)
    self.flat.copy_(mine)
