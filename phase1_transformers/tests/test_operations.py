"""With `--blocks mine` the programs compute with the formulas that a learner writes."""

import pytest
import torch

from phase1_transformers.project import generate, hub
from phase1_transformers.project.operations import default_ops
from phase1_transformers.project.packed import PackedLinear, can_pack
from phase1_transformers.project.trainer import choose_dtype
from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.config import gpt2
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import CLEAR, FUSED
from shared import blocks

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    model = GPT(gpt2(vocab_size=300, block_size=8, n_layer=1, n_head=1, n_embd=8))
    monkeypatch.setattr(
        generate.formats, "load_tokenizer", lambda _: BytePairTokenizer.train("abab", 258)
    )
    return hub.save_pretrained(model, tmp_path / "hf")


def test_the_fused_kernels_are_the_default(folder):
    assert default_ops() is FUSED
    model, _ = generate.load(str(folder), torch.float32, CPU)
    packed = any(isinstance(module, PackedLinear) for module in model.modules())
    assert packed == can_pack(torch.float32)  # not every processor has oneDNN's kernels


def test_your_own_formulas_are_not_passed_by(folder):
    with blocks.mine([]):
        assert default_ops() is CLEAR
        assert choose_dtype("auto", CPU) is None
        model, _ = generate.load(str(folder), torch.float32, CPU)
    assert model.ops is CLEAR
    assert not any(isinstance(module, PackedLinear) for module in model.modules())
