"""The clinic of dependent answers: the batch by hand, and the story that the patient tells."""

import pytest
import torch

from phase4_production.solution import clinic_batch
from shared import checks
from shared.checks import Sealed

SHORT, LONG = [5, 6], [9, 2, 9, 4, 9]


def padded(prompts, pad_id):
    batch = clinic_batch.pad_left(prompts, pad_id)
    checks.law(isinstance(batch, clinic_batch.Padded), "pad_left gives a Padded", batch)
    return batch


@pytest.mark.exercise("4.20")
def test_ids_and_mask_by_hand():
    prompts = [list(SHORT), list(LONG)]
    batch = padded(prompts, 0)
    checks.equal(prompts, [SHORT, LONG], "the prompts after pad_left, which leaves them be")
    expected = torch.tensor([[0, 0, 0, *SHORT], LONG])
    checks.equal(batch.ids, expected, "ids of a short and a long prompt")
    expected = torch.tensor([[0, 0, 0, 1, 1], [1] * 5]).bool()
    checks.equal(str(batch.mask.dtype), "torch.bool", "dtype of the mask")
    checks.equal(batch.mask, expected, "mask of a short and a long prompt")


@pytest.mark.exercise("4.20")
def test_positions_by_hand():
    positions = padded([SHORT, LONG], 0).positions
    checks.equal(str(positions.dtype), "torch.int64", "dtype of the positions")
    checks.equal(positions[1], torch.arange(5), "positions of the longest prompt")
    checks.equal(positions[0], torch.tensor([0, 0, 0, 0, 1]), "positions of a short prompt")


@pytest.mark.exercise("4.20")
@pytest.mark.parametrize("pad_id", [2, 6, 9, 17])
def test_a_pad_that_is_also_a_word(pad_id):
    batch = padded([SHORT, LONG, [7]], pad_id)
    checks.equal(batch.ids[0].tolist(), [pad_id] * 3 + SHORT, f"ids padded with {pad_id}")
    checks.equal(batch.mask.sum(1).tolist(), [2, 5, 1], f"real tokens, padded with {pad_id}")
    expected = torch.tensor([[0, 0, 0, 0, 1], [0, 1, 2, 3, 4], [0] * 5])
    checks.equal(batch.positions, expected, f"positions, padded with {pad_id}")


@pytest.mark.exercise("4.20")
def test_neighbours_change_nothing():
    g = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 12, (9,), generator=g).tolist()
    prompts = [torch.randint(1, 9, (n,), generator=g).tolist() for n in lengths]
    batch = padded(prompts, 3)
    for row, prompt in enumerate(prompts):
        alone = padded([prompt], 3)
        n = len(prompt)
        name = f"a prompt of {n} tokens, beside eight others and alone"
        checks.equal(batch.ids[row, -n:], alone.ids[0], f"ids of {name}")
        checks.equal(batch.mask[row, -n:], alone.mask[0], f"mask of {name}")
        checks.equal(batch.positions[row, -n:], alone.positions[0], f"positions of {name}")


@pytest.mark.exercise("4.20")
def test_cause():
    checks.guess(clinic_batch.pad_left_cause(), CAUSE, "the cause")


CAUSE = Sealed("4.20", "a2cb4b04b65c82e2")


# -- the story that the patient tells ---------------------------------------------------------

V, C, H, PAD = 40, 32, 2, 63


def pad_left_of_the_patient(prompts, pad_id):
    """What is shipped: places are columns."""
    batch = clinic_batch.pad_left(prompts, pad_id)
    columns = torch.arange(batch.ids.shape[1]).expand_as(batch.ids)
    return clinic_batch.Padded(batch.ids, batch.mask, columns)


class Model:
    """Two blocks of attention with random weights, and one of two kinds of positions."""

    def __init__(self, rotary):
        g = torch.Generator().manual_seed(11)
        self.words, self.places = torch.randn(2, 64, C, generator=g)
        self.weights = torch.randn(2, 4, C, C, generator=g) / C**0.5
        self.rotary = rotary

    def __call__(self, batch):
        x = self.words[batch.ids]
        if not self.rotary:
            x = x + self.places[batch.positions]
        T = x.shape[1]
        sees = torch.ones(T, T).tril().bool() & (batch.mask[:, None] | torch.eye(T).bool())
        for weights in self.weights:
            x = x + self._attend(x, weights, sees, batch.positions)
        return x[:, -1] @ self.words[:V].T / C**0.5

    def _attend(self, x, weights, sees, positions):
        B, T, _ = x.shape
        q, k, v = ((x @ w).view(B, T, H, C // H).transpose(1, 2) for w in weights[:3])
        if self.rotary:
            q, k = _turned(q, positions), _turned(k, positions)
        scores = (q @ k.transpose(-2, -1) / (C // H) ** 0.5).masked_fill(
            ~sees[:, None], float("-inf")
        )
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, C) @ weights[3]


def _turned(x, positions):
    """Rotate pairs of (B, H, T, D) by angles that grow with the position."""
    half = x.shape[-1] // 2
    angles = positions[:, None, :, None] * 0.5 ** torch.arange(half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1)


def prompts_of_the_story():
    g = torch.Generator().manual_seed(1)
    return [torch.randint(1, V, (n,), generator=g).tolist() for n in range(3, 11)]


def answers(model, prompts, pad_left):
    """Write eight tokens to each prompt; return them, and the first logits."""
    texts, first = [list(prompt) for prompt in prompts], None
    for _ in range(8):
        logits = model(pad_left(texts, PAD))
        first = logits if first is None else first
        for text, token in zip(texts, logits.argmax(-1).tolist(), strict=True):
            text.append(token)
    return [text[-8:] for text in texts], first


@pytest.fixture
def one_thread():
    """Operations so small are slower on several threads, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("rotary", "n_right"), [(False, 1), (True, 8)])
def test_the_story_is_true(rotary, n_right):
    model, prompts = Model(rotary), prompts_of_the_story()
    ill = pad_left_of_the_patient
    alone = [answers(model, [prompt], ill) for prompt in prompts]
    together, first = answers(model, prompts, ill)
    same = [one[0][0] == other for one, other in zip(alone, together, strict=True)]
    checks.equal(sum(same), n_right, "answers that are the same side by side")
    checks.equal(same[-1], True, "the longest prompt's answer is the same")
    off = (torch.cat([logits for _, logits in alone]) - first).abs().max().item()
    if rotary:
        checks.at_most(off, 1e-5, "how far the first logits are off")
    else:
        checks.close(off, 7.2, "how far the first logits are off", atol=0.05)
    twins = [[prompt, prompt[::-1]] for prompt in prompts]
    for pair in twins:
        apart = [answers(model, [prompt], ill)[0][0] for prompt in pair]
        checks.equal(answers(model, pair, ill)[0], apart, "answers of two prompts of one length")
    model.words[PAD] *= 100
    checks.equal(answers(model, prompts, ill)[1], first, "logits, another pad token")


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("rotary", [False, True])
def test_the_cure_works(rotary):
    model, prompts = Model(rotary), prompts_of_the_story()
    alone = [answers(model, [prompt], clinic_batch.pad_left)[0][0] for prompt in prompts]
    together, _ = answers(model, prompts, clinic_batch.pad_left)
    checks.equal(together, alone, "answers side by side and alone")
