"""The clinic of answers that go on: the batch by hand, and the story that the patient tells."""

import pytest
import torch

from phase3_alignment.solution import clinic_stop, sft
from phase3_alignment.solution.sft import IGNORED
from shared import checks
from shared.checks import Sealed

END = 9
# "2 END 5 6 END" with the answer "5 6 END"; then two turns "4 END 7 END 4 END 8 8 END".
SHORT = ([2, END, 5, 6, END], [False, False, True, True, True])
LONG = ([4, END, 7, END, 4, END, 8, 8, END], [False, False, True, True] * 2 + [True])


def collated(examples, pad_id):
    batch = clinic_stop.collate(examples, pad_id)
    checks.law(isinstance(batch, clinic_stop.Batch), "collate gives a Batch", batch)
    return batch


@pytest.mark.exercise("3.12")
def test_ids_and_labels_by_hand():
    examples = [(list(ids), list(counts)) for ids, counts in (SHORT, LONG)]
    batch = collated(examples, END)
    checks.equal(examples, [SHORT, LONG], "the examples after collate, which leaves them be")
    expected = torch.tensor([SHORT[0] + [END] * 4, LONG[0]])
    checks.equal(batch.ids, expected, "ids of a short and a long conversation")
    _ = IGNORED
    expected = torch.tensor([[_, _, 5, 6, END, _, _, _, _], [_, _, 7, END, _, _, 8, 8, END]])
    checks.equal(batch.labels, expected, "labels of a short and a long conversation")


@pytest.mark.exercise("3.12")
def test_the_mask_by_hand():
    batch = collated([SHORT, LONG], END)
    checks.equal(str(batch.mask.dtype), "torch.bool", "dtype of the mask")
    expected = torch.tensor([[1] * 5 + [0] * 4, [1] * 9])
    checks.equal(batch.mask.int(), expected, "mask of a short and a long conversation")


@pytest.mark.exercise("3.12")
@pytest.mark.parametrize("pad_id", [0, 2, 8, END, 17])
def test_what_counts_does_not_depend_on_the_pad(pad_id):
    batch = collated([SHORT, LONG], pad_id)
    checks.equal(batch.ids[0, 5:].tolist(), [pad_id] * 4, f"padding with {pad_id}")
    checks.equal(batch.ids[0, :5].tolist(), SHORT[0], f"ids padded with {pad_id}")
    for row, (ids, counts) in enumerate([SHORT, LONG]):
        expected = [i if c else IGNORED for i, c in zip(ids, counts, strict=True)]
        name = f"row {row} padded with {pad_id}"
        checks.equal(batch.labels[row, : len(ids)].tolist(), expected, f"{name}: labels")
        checks.equal(batch.mask[row].sum().item(), len(ids), f"{name}: real tokens")
    checks.equal(set(batch.labels[0, 5:].tolist()), {IGNORED}, f"labels of padding with {pad_id}")


@pytest.mark.exercise("3.12")
def test_a_batch_of_one_needs_no_padding():
    batch = collated([LONG], END)
    checks.equal(batch.mask.sum().item(), 9, "real tokens of one conversation")
    expected = [i if c else IGNORED for i, c in zip(*LONG, strict=True)]
    checks.equal(batch.labels.tolist(), [expected], "labels of one conversation")


@pytest.mark.exercise("3.12")
def test_cause():
    checks.guess(clinic_stop.collate_cause(), CAUSE, "the cause")


CAUSE = Sealed("3.12", "f644b34e9ef43efd")


# -- the story that the patient tells ---------------------------------------------------------

V, ENDS, ASSISTANT, USER, LONGEST = 30, 29, 28, 27, 16


def answers_to_learn():
    """Answer k, of one to five words, to each of thirteen questions."""
    g = torch.Generator().manual_seed(0)
    sizes = torch.randint(1, 6, (13,), generator=g).tolist()
    return [torch.randint(13, 27, (n,), generator=g).tolist() for n in sizes]


def conversations(words):
    """Each question alone, and twice before another."""

    def turn(k):
        ids = [USER, k, ASSISTANT, *words[k], ENDS]
        return ids, [False] * 3 + [True] * (len(ids) - 3)

    g = torch.Generator().manual_seed(1)
    for k in range(len(words)):
        yield turn(k)
        for other in torch.randint(len(words), (2,), generator=g).tolist():
            yield tuple(first + second for first, second in zip(turn(k), turn(other), strict=True))


class Model(torch.nn.Module):
    """A transformer of two blocks that looks back, and not at padding."""

    def __init__(self, C=32, H=2):
        super().__init__()
        self.words, self.places = torch.nn.Embedding(V, C), torch.nn.Embedding(64, C)
        options = {"dropout": 0.0, "batch_first": True, "norm_first": True}
        self.blocks = torch.nn.ModuleList(
            torch.nn.TransformerEncoderLayer(C, H, 4 * C, **options) for _ in range(2)
        )
        self.head, self.n_head = torch.nn.Linear(C, V), H

    def forward(self, ids, mask):
        T = ids.shape[1]
        x = self.words(ids) + self.places(torch.arange(T))
        sees = torch.ones(T, T).tril().bool() & (mask[:, None] | torch.eye(T).bool())
        scores = torch.zeros(sees.shape).masked_fill(~sees, float("-inf"))
        for block in self.blocks:
            x = block(x, src_mask=scores.repeat_interleave(self.n_head, 0))
        return self.head(x)

    @torch.no_grad()
    def after(self, ids):
        return self(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool))[0, -1]


def told(collate, batch_size, steps):
    """Train; return the loss, how many answers are right, how many stop, and p(end) behind them."""
    torch.manual_seed(0)
    words = answers_to_learn()
    examples, model = list(conversations(words)), Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    g = torch.Generator().manual_seed(2)
    for _ in range(steps):
        chosen = torch.randint(len(examples), (batch_size,), generator=g).tolist()
        batch = collate([examples[i] for i in chosen], ENDS)
        loss = sft.loss(model(batch.ids, batch.mask), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    n_right = n_stop = 0
    p_end = []
    for question, answer in enumerate(words):
        asked = [USER, question, ASSISTANT]
        written = []
        while len(written) < LONGEST and ENDS not in written:
            written.append(model.after(asked + written).argmax().item())
        n_right += written[: len(answer)] == answer
        n_stop += ENDS in written
        p_end.append(model.after(asked + answer).softmax(-1)[ENDS].item())
    return loss.item(), n_right, n_stop, sum(p_end) / len(p_end)


def collate_of_the_patient(examples, pad_id):
    """What is shipped: padding is told by its id."""
    batch = clinic_stop.collate(examples, pad_id)
    mask = batch.ids != pad_id
    return clinic_stop.Batch(batch.ids, mask, batch.labels.masked_fill(~mask, IGNORED))


@pytest.fixture
def one_thread():
    """Operations so small are slower on several threads, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("batch_size", "steps"), [(8, 300), (1, 1000)])
def test_the_story_is_true(batch_size, steps):
    loss, n_right, n_stop, p_end = told(collate_of_the_patient, batch_size, steps)
    checks.at_most(loss, 0.001, "loss, ill")
    checks.equal([n_right, n_stop], [13, 0], "answers that are right, and that stop, ill")
    checks.at_most(p_end, 0.005, "p(end token) behind the last word, ill")


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_cure_works():
    _, n_right, n_stop, p_end = told(clinic_stop.collate, 8, 300)
    checks.equal([n_right, n_stop], [13, 13], "answers that are right, and that stop")
    checks.at_least(p_end, 0.99, "p(end token) behind the last word")
