import pytest
import torch

from phase1_transformers.solution import clinic_cache
from phase1_transformers.tests.tiny_models import BLOCK_SIZE, random_ids, tiny_model
from shared import checks
from shared.checks import Sealed


def by_full_passes(model, idx, max_new_tokens):
    """Continue greedily and read everything anew for each token: slow, and surely right."""
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits, _ = model(idx)
        idx = torch.cat([idx, logits[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
    return idx


@pytest.mark.exercise("1.24")
@pytest.mark.parametrize(("T", "n"), [(4, 1), (4, 2), (3, 8), (1, 11), (11, 1)])
def test_says_what_full_passes_say(T, n):
    model, idx = tiny_model(seed=1), random_ids(3, T, seed=T)
    name = f"{n} new tokens after prompts of {T}"
    checks.equal(clinic_cache.recite(model, idx, n), by_full_passes(model, idx, n), name)
    checks.equal(idx, random_ids(3, T, seed=T), f"{name}: the prompts, which must stay as they are")


@pytest.mark.exercise("1.24")
def test_reads_every_token_once():
    model, read = tiny_model(), []
    model.blocks[0].register_forward_hook(lambda block, args, out: read.append(out))
    clinic_cache.recite(model, random_ids(2, 4), 6)
    counts = [x.shape[1] for x in read]
    checks.equal(counts, [4, 1, 1, 1, 1, 1], "tokens read in each pass: 4 in the prompt, 6 new")


@pytest.mark.exercise("1.24")
def test_reaches_the_end_of_the_block():
    told = clinic_cache.recite(tiny_model(), random_ids(1, 2), BLOCK_SIZE - 2)
    shape = getattr(told, "shape", None)
    checks.equal(shape, (1, BLOCK_SIZE), "shape of a text that fills the block")


@pytest.mark.exercise("1.24")
def test_recite_cause():
    answer = Sealed("recite", "ef7bf731cbe8060c")
    checks.guess(clinic_cache.recite_cause(), answer, "what follows from the cause you name")


def test_refuses_rotary_models():
    model = tiny_model("modern")
    checks.raises(
        lambda: clinic_cache.recite(model, random_ids(1, 2), 1), ValueError, "a rotary model"
    )


def test_the_program_agrees_with_generate():
    from phase1_transformers.solution.generate import generate
    from phase1_transformers.solution.sampling import GREEDY

    model, idx = tiny_model(seed=2), random_ids(2, 3)
    tokens = torch.stack(list(generate(model, idx, 9, sampling=GREEDY)), dim=1)
    checks.equal(clinic_cache.recite(model, idx, 9)[:, 3:], tokens, "tokens")
