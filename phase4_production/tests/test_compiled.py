import shutil

import pytest
import torch

from phase4_production.project import compiled, dense_attention
from phase4_production.project.compiled import CompiledDecoder
from phase4_production.project.decoder import Decoder
from phase4_production.project.runner import Runner
from phase4_production.solution.batch import lay_out
from phase4_production.solution.sequence import Sequence
from phase4_production.tests import tiny_models
from shared.checks import close

IDS = list(range(100, 130))


@pytest.fixture(autouse=True)
def forget():
    """Forget what was compiled before: models in one process share a limit, and here are many."""
    torch.compiler.reset()


def load(family, folder):
    tiny_models.FAMILIES[family]().save_pretrained(folder)
    return Decoder.load(folder)


@torch.inference_mode()
def written(decoder):
    """Read a prompt, then go on token by token; return the logits of each step."""
    runner, found = Runner(decoder, 8, 8), []
    sequence = Sequence(IDS, blocks=[5, 3, 1, 7])
    for n in (11, 1, 1, 12, 1):
        found.append(runner.run(lay_out({sequence: n}, 8)))
        sequence.n_cached += n
    return torch.cat(found)


@pytest.mark.parametrize("family", ["gpt2", "llama3", "qwen3"])
def test_it_is_one_graph_around_attention(family, tmp_path):
    decoder = load(family, tmp_path)
    expected = written(decoder)
    close(written(CompiledDecoder(decoder, backend="eager")), expected, "logits")


@torch.inference_mode()
def test_it_takes_any_attention_and_keeps_none(tmp_path):
    decoder = load("llama", tmp_path)
    ours = CompiledDecoder(decoder, backend="eager")
    windows = torch.tensor(IDS).view(3, 10)
    expected = dense_attention.hidden(decoder, windows)
    close(dense_attention.hidden(ours, windows), expected, "hidden states")
    assert not compiled._attends, "a cache would live as long as the program"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_fused_kernels_compute_the_same(tmp_path):
    tiny_models.qwen3(num_hidden_layers=1).save_pretrained(tmp_path)
    decoder = Decoder.load(tmp_path)
    close(written(CompiledDecoder(decoder)), written(decoder), "logits", rtol=1e-5, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_fused_kernels_compute_the_same_on_a_gpu(tmp_path):
    load("qwen3", tmp_path)
    decoder = Decoder.load(tmp_path, device="cuda")
    close(written(CompiledDecoder(decoder)), written(decoder), "logits", rtol=1e-4, atol=1e-3)
