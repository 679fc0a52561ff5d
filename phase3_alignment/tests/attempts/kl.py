"""The mistakes of `mistakes/kl.py`, as others would write them."""

import torch

from shared.mistakes import attempt


@attempt("k1_reversed")
def _(logprobs, ref_logprobs):
    log_r = ref_logprobs.detach() - logprobs
    return log_r


@attempt("k1_absolute")
def _(logprobs, ref_logprobs):
    d = ref_logprobs.detach() - logprobs
    return torch.maximum(d, -d)


@attempt("k1_mean")
def _(logprobs, ref_logprobs):
    return logprobs.mean() - ref_logprobs.detach().mean()


@attempt("k1_weighted")
def _(logprobs, ref_logprobs):
    p, q = logprobs.exp(), ref_logprobs.detach().exp()
    return p * (p / q).log()


@attempt("k1_moves_reference")
def _(logprobs, ref_logprobs):
    return torch.sub(logprobs, ref_logprobs)


@attempt("k2_not_halved")
def _(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs.detach()) ** 2


@attempt("k2_not_squared")
def _(logprobs, ref_logprobs):
    return 0.5 * logprobs - 0.5 * ref_logprobs.detach()


@attempt("k2_of_ratio")
def _(logprobs, ref_logprobs):
    r = torch.exp(ref_logprobs.detach()) / torch.exp(logprobs)
    return 0.5 * (r - 1) ** 2


@attempt("k2_mean")
def _(logprobs, ref_logprobs):
    d = ref_logprobs.detach() - logprobs
    return (d * d).sum() / (2 * d.numel())


@attempt("k2_moves_reference")
def _(logprobs, ref_logprobs):
    d = ref_logprobs - logprobs
    return d * d / 2


@attempt("k3_inverted")
def _(logprobs, ref_logprobs):
    ratio = (logprobs - ref_logprobs.detach()).exp()
    return ratio - 1 - ratio.log()


@attempt("k3_wrong_log")
def _(logprobs, ref_logprobs):
    r = torch.exp(ref_logprobs.detach() - logprobs)
    return r - 1 + torch.log(r)


@attempt("k3_without_one")
def _(logprobs, ref_logprobs):
    r = torch.exp(ref_logprobs.detach() - logprobs)
    return r - torch.log(r)


@attempt("k3_negative")
def _(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs.detach()
    return 1 - torch.exp(-d) - d


@attempt("k3_loses_digits")
def _(logprobs, ref_logprobs):
    d = ref_logprobs.detach() - logprobs
    return (torch.exp(d) - 1) - d


@attempt("k3_fixed_ratio")
def _(logprobs, ref_logprobs):
    with torch.no_grad():
        r_minus_one = torch.expm1(ref_logprobs - logprobs)
    return r_minus_one + logprobs - ref_logprobs.detach()


@attempt("k3_moves_reference")
def _(logprobs, ref_logprobs):
    d = logprobs - ref_logprobs
    return torch.expm1(-d) + d


@attempt("controller_reversed")
def _(self, kl):
    e = (kl - self.target) / self.target
    e = max(-0.2, min(0.2, e))
    self.kl_coef = self.kl_coef * (1 - self.k_beta * e)
    return self.kl_coef


@attempt("controller_unclipped")
def _(self, kl):
    e = (kl - self.target) / self.target
    self.kl_coef += self.kl_coef * self.k_beta * e
    return self.kl_coef


@attempt("controller_clips_one_side")
def _(self, kl):
    e = (kl - self.target) / self.target
    if e > 0.2:
        e = 0.2
    self.kl_coef = self.kl_coef * (1 + self.k_beta * e)
    return self.kl_coef


@attempt("controller_in_nats")
def _(self, kl):
    off = kl - self.target
    off = max(-0.2, min(0.2, off))
    self.kl_coef = self.kl_coef * (1 + self.k_beta * off)
    return self.kl_coef


@attempt("controller_without_gain")
def _(self, kl):
    e = (kl - self.target) / self.target
    e = max(-0.2, min(0.2, e))
    self.kl_coef = self.kl_coef + self.kl_coef * e
    return self.kl_coef


@attempt("controller_adds")
def _(self, kl):
    e = (kl - self.target) / self.target
    e = max(-0.2, min(0.2, e))
    self.kl_coef = self.kl_coef + self.k_beta * e
    return self.kl_coef


@attempt("controller_clips_the_step")
def _(self, kl):
    step = self.k_beta * (kl - self.target) / self.target
    factor = max(0.8, min(1.2, 1 + step))
    self.kl_coef = self.kl_coef * factor
    return self.kl_coef


@attempt("controller_forgets")
def _(self, kl):
    e = (kl - self.target) / self.target
    e = max(-0.2, min(0.2, e))
    beta = self.kl_coef
    beta *= 1 + self.k_beta * e
    return beta


@attempt("controller_share_of_kl")
def _(self, kl):
    e = (kl - self.target) / (kl + 1e-8)
    e = max(-0.2, min(0.2, e))
    self.kl_coef = self.kl_coef * (1 + self.k_beta * e)
    return self.kl_coef


@attempt("controller_doubles")
def _(self, kl):
    ratio = kl / self.target
    self.kl_coef *= 2.0 if ratio > 1.5 else 0.5 if ratio < 1 / 1.5 else 1.0
    return self.kl_coef


@attempt("controller_moves_target")
def _(self, kl):
    e = (kl - self.target) / self.target
    e = max(-0.2, min(0.2, e))
    self.kl_coef, self.target = (
        self.kl_coef * (1 + self.k_beta * e),
        self.target * (1 - self.k_beta * e),
    )
    return self.kl_coef
