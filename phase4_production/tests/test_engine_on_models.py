"""The engine over real architectures, short of memory and guessing, against transformers alone."""

import pytest
import torch

from phase4_production.project.decoder import Decoder
from phase4_production.project.engine import Engine, EngineConfig, Request
from phase4_production.project.runner import Runner
from phase4_production.project.speculation import ModelDrafter, NgramDrafter
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution.sampling_params import SamplingParams
from phase4_production.tests import tiny_models

BLOCK, N_NEW = 4, 20


def prompts():
    """Six prompts, four of them with a common beginning."""
    g = torch.Generator().manual_seed(3)
    common = torch.randint(256, (11,), generator=g).tolist()
    own = [torch.randint(256, (n,), generator=g).tolist() for n in (1, 4, 9, 5, 17, 2)]
    return [(common if i < 4 else []) + one for i, one in enumerate(own)]


@torch.inference_mode()
def by_transformers(model, prompt):
    ids = torch.tensor([prompt])
    options = {"do_sample": False, "max_new_tokens": N_NEW, "pad_token_id": tiny_models.END}
    found = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return found[0, len(prompt) :].tolist()


@pytest.mark.parametrize("family", ["gpt2", "qwen3"])
@pytest.mark.parametrize("guessing", ["no", "lookup", "model"])
def test_greedy_answers_are_those_of_transformers(family, guessing, tmp_path):
    model = tiny_models.FAMILIES[family]()
    model.save_pretrained(tmp_path)
    tiny_models.tokenizer().save_pretrained(tmp_path)
    decoder = Decoder.load(tmp_path)
    a = decoder.architecture
    drafter = {
        "no": lambda: None,
        "lookup": NgramDrafter,
        "model": lambda: ModelDrafter(Runner(decoder, 60, BLOCK)),
    }[guessing]()
    sizes = {"max_tokens": 24, "max_running": 5, "max_length": 64, "n_guesses": 3}
    engine = Engine(
        Runner(decoder, 22, BLOCK),
        Tokenizer.load(tmp_path, a.vocab_size, a.eos_ids),
        EngineConfig(22, BLOCK, **sizes),
        drafter,
    )
    params = SamplingParams(temperature=0, max_tokens=N_NEW)
    for i, prompt in enumerate(prompts()):
        engine.add(Request(str(i), tuple(prompt), params))
    found = {str(i): [] for i in range(6)}
    while engine.has_work:
        for output in engine.step():
            found[output.request] += [token.id for token in output.tokens]
    for i, prompt in enumerate(prompts()):
        assert found[str(i)] == by_transformers(model, prompt), f"prompt {i}"
    stats = engine.stats()
    assert stats.preemptions > 0
    assert stats.prefix_hit_tokens > 0
    assert stats.blocks_used == 0
    if guessing == "model":
        assert stats.accepted > 0.8 * stats.guessed > 0
