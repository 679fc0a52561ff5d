"""Make what was said already less likely: the three penalties of a request, on one row."""

import torch
from torch import Tensor

from phase4_production.solution.sampling_params import SamplingParams


def penalise(
    logits: Tensor, prompt: tuple[int, ...], answer: tuple[int, ...], params: SamplingParams
) -> Tensor:
    """Return the logits of a token that follows prompt and answer, penalised.

    The repetition penalty (Keskar et al. 2019, section 4.1; as transformers has it, a negative
    logit is multiplied) is for tokens of the prompt and the answer. OpenAI's two are for those of
    the answer: frequency_penalty times how often it has the token, and presence_penalty once.

    Args:
        logits: (V,); stays as it is.
        prompt, answer: token ids.

    Returns:
        (V,), of the same dtype: `logits` itself where nothing is penalised.
    """
    if params.repetition_penalty != 1:
        seen = torch.tensor(sorted({*prompt, *answer}), dtype=torch.int64, device=logits.device)
        old = logits[seen]
        factor = params.repetition_penalty
        logits = logits.index_put((seen,), torch.where(old < 0, old * factor, old / factor))
    if answer and (params.frequency_penalty or params.presence_penalty):
        ids = torch.tensor(answer, dtype=torch.int64, device=logits.device)
        counts = torch.bincount(ids, minlength=len(logits)).to(logits.dtype)
        present = (counts > 0).to(logits.dtype)
        logits = logits - params.frequency_penalty * counts - params.presence_penalty * present
    return logits
