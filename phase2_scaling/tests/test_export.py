"""The folder that a run ends with, as Hugging Face opens it."""

from dataclasses import replace

import pytest
import torch

from phase2_scaling.project.export import export
from phase2_scaling.solution.model import GPT, GPTConfig

CONFIG = GPTConfig(vocab_size=19, block_size=8, n_layer=2, n_head=2, n_embd=12)


@pytest.mark.slow  # transformers takes seconds to import
@pytest.mark.parametrize("tied", [True, False])
def test_hugging_face_computes_the_same(tied, tmp_path):
    from transformers import GPT2LMHeadModel

    model = GPT(replace(CONFIG, tied=tied), torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for p in model.parameters():  # no bias is zero, no norm is one
            p += 0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()))
    theirs = GPT2LMHeadModel.from_pretrained(export(model.state_dict(), model.config, tmp_path))
    idx = torch.arange(16).view(2, 8)
    torch.testing.assert_close(theirs.eval()(idx).logits, model(idx)[0])
