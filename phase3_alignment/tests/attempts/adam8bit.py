"""The mistakes of `mistakes/adam8bit.py`, as others would write them."""

import torch
import torch.nn.functional as F

from phase3_alignment.solution import adam8bit
from shared.mistakes import attempt


def _cut(x):
    flat = x.reshape(-1)
    return F.pad(flat, (0, -flat.numel() % 256)).reshape(-1, 256)


def _code(values, levels):
    return torch.bucketize(values, (levels[1:] + levels[:-1]) / 2).to(torch.uint8)


def _safe(scales):
    return torch.where(scales > 0, scales, torch.ones_like(scales))


def _load(state, map_of_v=None):
    m = adam8bit.dequantize(*state["m"], adam8bit.SIGNED)
    v = adam8bit.dequantize(*state["v"], adam8bit.UNSIGNED if map_of_v is None else map_of_v)
    return m, v


def _store(state, m, v):
    state["m"] = adam8bit.quantize(m, adam8bit.SIGNED)
    state["v"] = adam8bit.quantize(v, adam8bit.UNSIGNED)


def _follow(self, m, v, g):
    b1, b2 = self.betas
    return torch.lerp(m, g, 1 - b1), torch.lerp(v, g.square(), 1 - b2)


def _corrected(self, m, v):
    b1, b2 = self.betas
    return m.div(1 - b1**self.steps), v.div(1 - b2**self.steps)


def _move(self, p, m, v):
    """Shrink p, and move it against m over the root of v."""
    w = p.detach().float() * (1 - self.lr * self.weight_decay)
    w = w - self.lr * (m / (torch.sqrt(v) + self.eps)).reshape(p.shape)
    p.data.copy_(w)


def _learning(self):
    return [(p, s) for p, s in zip(self.parameters, self.state) if p.grad is not None]


@attempt("moments_quantize_one_scale")
def _(x, levels):
    groups = _cut(x)
    scale = x.abs().max()
    codes = _code(groups / _safe(scale), levels)
    return codes.reshape(-1)[: x.numel()], torch.full((len(groups),), float(scale))


@attempt("moments_quantize_signed_maximum")
def _(x, levels):
    groups = _cut(x)
    scales = groups.max(1).values
    codes = _code(groups / scales.clamp_min(1e-38).unsqueeze(1), levels)
    return codes.reshape(-1)[: x.numel()], scales


@attempt("moments_quantize_rows")
def _(x, levels):
    codes, scales = [], []
    for row in x.reshape(-1, x.shape[-1]):
        for part in row.split(256):
            scales.append(part.abs().max())
            codes.append(_code(part / _safe(scales[-1]), levels))
    return torch.hstack(codes), torch.stack(scales)


@attempt("moments_quantize_zero_over_zero")
def _(x, levels):
    groups = _cut(x)
    scales = groups.abs().max(1).values
    return _code(groups / scales.unsqueeze(1), levels).reshape(-1)[: x.numel()], scales


@attempt("moments_quantize_rounds_down")
def _(x, levels):
    groups = _cut(x)
    scales = groups.abs().max(1).values
    scaled = groups / _safe(scales).unsqueeze(1)
    codes = (scaled[..., None] >= levels).sum(-1).sub(1).clamp(min=0).to(torch.uint8)
    return codes.reshape(-1)[: x.numel()], scales


@attempt("moments_quantize_evenly")
def _(x, levels):
    groups = _cut(x)
    scales = groups.abs().max(1).values
    scaled = groups / _safe(scales).unsqueeze(1)
    codes = (torch.round(scaled * 127) + 128).byte()
    return codes.reshape(-1)[: x.numel()], scales


@attempt("moments_dequantize_without_scales")
def _(codes, absmax, levels):
    return torch.index_select(levels, 0, codes.int())


@attempt("moments_dequantize_tiles_scales")
def _(codes, absmax, levels):
    where = torch.arange(len(codes)) % len(absmax)
    return levels[codes.int()] * absmax[where]


@attempt("moments_dequantize_as_integers")
def _(codes, absmax, levels):
    values = codes.float().sub(128).div(127)
    return values * absmax.repeat_interleave(256)[: len(codes)]


@attempt("step_signed_v")
def _(self):
    self.steps += 1
    for p, s in _learning(self):
        m, v = _load(s, adam8bit.SIGNED)
        m, v = _follow(self, m, v, p.grad.float().view(-1))
        m_hat, v_hat = _corrected(self, m, v)
        _move(self, p, m_hat, v_hat.abs())
        s["m"], s["v"] = (adam8bit.quantize(x, adam8bit.SIGNED) for x in (m, v))


@attempt("step_uses_rounded_moments")
def _(self):
    self.steps += 1
    for p, s in _learning(self):
        _store(s, *_follow(self, *_load(s), p.grad.float().view(-1)))
        _move(self, p, *_corrected(self, *_load(s)))


@attempt("step_without_correction")
def _(self):
    self.steps += 1
    for p, s in _learning(self):
        m, v = _follow(self, *_load(s), p.grad.float().view(-1))
        _move(self, p, m, v)
        _store(s, m, v)


@attempt("step_stores_corrected_moments")
def _(self):
    self.steps += 1
    for p, s in _learning(self):
        m, v = _corrected(self, *_follow(self, *_load(s), p.grad.float().view(-1)))
        _move(self, p, m, v)
        _store(s, m, v)


@attempt("step_eps_under_the_root")
def _(self):
    self.steps += 1
    for p, s in _learning(self):
        m, v = _follow(self, *_load(s), p.grad.float().view(-1))
        m_hat, v_hat = _corrected(self, m, v)
        w = p.detach().float() * (1 - self.lr * self.weight_decay)
        p.data.copy_(w - self.lr * (m_hat * (v_hat + self.eps).rsqrt()).view(p.shape))
        _store(s, m, v)


@attempt("step_coupled_decay")
def _(self):
    self.steps += 1
    for p, s in _learning(self):
        g = p.grad.float() + self.weight_decay * p.detach().float()
        m, v = _follow(self, *_load(s), g.view(-1))
        m_hat, v_hat = _corrected(self, m, v)
        step = (m_hat / (v_hat.sqrt() + self.eps)).view(p.shape)
        p.data.copy_(p.detach().float() - self.lr * step)
        _store(s, m, v)


@attempt("step_counts_parameters")
def _(self):
    for p, s in _learning(self):
        self.steps += 1
        m, v = _follow(self, *_load(s), p.grad.float().view(-1))
        _move(self, p, *_corrected(self, m, v))
        _store(s, m, v)


@attempt("step_takes_zeros")
def _(self):
    self.steps += 1
    for p, s in zip(self.parameters, self.state):
        g = torch.zeros(p.numel()) if p.grad is None else p.grad.float().view(-1)
        m, v = _follow(self, *_load(s), g)
        _move(self, p, *_corrected(self, m, v))
        _store(s, m, v)


@attempt("step_forgets_the_moments")
def _(self):
    self.steps += 1
    for p, s in _learning(self):
        m, v = _follow(self, *_load(s), p.grad.float().view(-1))
        _move(self, p, *_corrected(self, m, v))


@attempt("step_v_without_square")
def _(self):
    self.steps += 1
    b1, b2 = self.betas
    for p, s in _learning(self):
        g = p.grad.float().view(-1)
        m, v = _load(s)
        m, v = m * b1 + g * (1 - b1), v * b2 + torch.abs(g) * (1 - b2)
        _move(self, p, *_corrected(self, m, v))
        _store(s, m, v)


@attempt("step_stores_float32")
def _(self):
    self.steps += 1
    for p, s in _learning(self):
        m, v = _follow(self, *_load(s), p.grad.float().view(-1))
        _move(self, p, *_corrected(self, m, v))
        _store(s, m, v)
        for name in "mv":
            codes, scales = s[name]
            s[name] = codes.to(torch.float32), scales


@attempt("step_in_the_parameters_dtype")
def _(self):
    self.steps += 1
    b1, b2 = self.betas
    for p, s in _learning(self):
        g = p.grad.view(-1)
        m, v = (x.to(p.dtype) for x in _load(s))
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        m_hat, v_hat = _corrected(self, m, v)
        update = self.lr * m_hat / (v_hat.sqrt() + self.eps)
        p.data.copy_((1 - self.lr * self.weight_decay) * p.data - update.view(p.shape))
        _store(s, m.float(), v.float())
