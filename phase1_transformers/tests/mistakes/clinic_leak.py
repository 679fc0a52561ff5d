"""Half-cures for `solution/clinic_leak.py`; the illness itself stands last among them."""

import torch

from phase1_transformers.solution.clinic import END, Momentum, Reader
from phase1_transformers.solution.clinic_leak import (
    BATCH_SIZE,
    LR,
    STEPS,
    VALIDATION_SHARE,
    Outcome,
    loss_on,
)
from phase1_transformers.solution.losses import next_token_loss
from shared.mistakes import mistake


def trained(rows, may_look, seed, steps=STEPS):
    generator = torch.Generator().manual_seed(seed)
    n_validation = int(len(rows) * VALIDATION_SHARE)
    held_out, kept = rows[:n_validation], rows[n_validation:]
    model = Reader(may_look, generator)
    optimizer = Momentum(model, LR)
    for _ in range(steps):
        batch = kept[torch.randint(len(kept), (BATCH_SIZE,), generator=generator)]
        optimizer.descend(loss_on(model, batch))
    with torch.no_grad():
        return Outcome(model, loss_on(model, kept).item(), loss_on(model, held_out).item())


def documents(idx):
    ends = (idx == END).int()
    number = ends.cumsum(dim=1) - ends
    return number[:, :, None] == number[:, None, :]


@mistake(
    "1.20",
    "clinic_leak.run_leak",
    "The documents are apart now, but within its document a token still sees what comes after it.",
)
def leak_whole_document(rows, *, seed=0):
    return trained(rows, documents, seed)


@mistake(
    "1.20",
    "clinic_leak.run_leak",
    "The future is hidden, but the wall between documents is gone: a token looks into the documents before its own.",
)
def leak_past_of_others(rows, *, seed=0):
    def may_look(idx):
        B, T = idx.shape
        return torch.ones(T, T, dtype=torch.bool).tril().expand(B, T, T)

    return trained(rows, may_look, seed)


@mistake(
    "1.20",
    "clinic_leak.run_leak",
    "The first token of a document may look at nothing, not even at itself: its softmax has no terms, and NaN spreads.",
)
def leak_not_at_itself(rows, *, seed=0):
    def may_look(idx):
        T = idx.shape[1]
        return documents(idx) & torch.ones(T, T, dtype=torch.bool).tril(-1)

    return trained(rows, may_look, seed)


@mistake(
    "1.20",
    "clinic_leak.run_leak",
    "The leak is closed, and the past with it: each token sees itself only. This language forgives that, others do not.",
)
def leak_only_at_itself(rows, *, seed=0):
    def may_look(idx):
        B, T = idx.shape
        return torch.eye(T, dtype=torch.bool).expand(B, T, T)

    return trained(rows, may_look, seed)


@mistake(
    "1.20",
    "clinic_leak.run_leak",
    "Upside down: row i of the mask says at whom token i looks, and now it looks at itself and what comes after.",
)
def leak_mirrored(rows, *, seed=0):
    def may_look(idx):
        T = idx.shape[1]
        return documents(idx) & torch.ones(T, T, dtype=torch.bool).triu()

    return trained(rows, may_look, seed)


@mistake(
    "1.20",
    "clinic_leak.run_leak",
    "The validation is honest now, the training is not: the model still learns to read the answer off the row.",
)
def leak_honest_validation(rows, *, seed=0):
    def may_look(idx):
        T = idx.shape[1]
        return documents(idx) | torch.ones(T, T, dtype=torch.bool).tril()

    outcome = trained(rows, may_look, seed)
    held_out = rows[: int(len(rows) * VALIDATION_SHARE)]
    cut = range(1, rows.shape[1])
    with torch.no_grad():
        losses = [
            next_token_loss(outcome.model(held_out[:, :t])[:, -1], held_out[:, t]) for t in cut
        ]
    return Outcome(outcome.model, outcome.train_loss, torch.stack(losses).mean().item())


@mistake(
    "1.20",
    "clinic_leak.run_leak",
    "Fewer steps make the loss look possible again; the model would still look at the answer, it only had no time to.",
)
def leak_trains_less(rows, *, seed=0):
    def may_look(idx):
        T = idx.shape[1]
        return documents(idx) | torch.ones(T, T, dtype=torch.bool).tril()

    return trained(rows, may_look, seed, steps=STEPS // 4)


# After the half-cures: where two fit as well, a learner has changed something.


@mistake(
    "1.20",
    "clinic_leak.run_leak",
    "Still the patient you were given: change the last token of a row by hand, and see which guesses change with it.",
)
def leak_same_or_past(rows, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    n_validation = int(len(rows) * VALIDATION_SHARE)
    held_out, kept = rows[:n_validation], rows[n_validation:]

    def may_look(idx: torch.Tensor) -> torch.Tensor:  # (B, T) to (B, T, T)
        ends = (idx == END).int()
        document = ends.cumsum(dim=1) - ends  # how many ended before this token
        same_document = document[:, :, None] == document[:, None, :]
        time = torch.arange(idx.shape[1])
        return same_document | (time[:, None] >= time)

    model = Reader(may_look, generator)
    optimizer = Momentum(model, LR)
    for _ in range(STEPS):
        batch = kept[torch.randint(len(kept), (BATCH_SIZE,), generator=generator)]
        optimizer.descend(loss_on(model, batch))
    with torch.no_grad():
        return Outcome(model, loss_on(model, kept).item(), loss_on(model, held_out).item())


@mistake(
    "1.20",
    "clinic_leak.leak_cause",
    "Rows that were written after the training could be in nobody's training set; their loss is as low.",
)
def leak_blames_split():
    return "a"


@mistake(
    "1.20",
    "clinic_leak.leak_cause",
    "Then the first token of a document would be as easy as all others: it, too, would have just been read.",
)
def leak_blames_shift():
    return "b"


@mistake(
    "1.20",
    "clinic_leak.leak_cause",
    "Strange documents tell nothing in this language; and why is a document's first token the one that stays hard?",
)
def leak_blames_other_documents():
    return "c"


@mistake(
    "1.20",
    "clinic_leak.leak_cause",
    "Look at the tokens that are no first ones: at 0.12 nats, they are what is too easy, ENDs or not.",
)
def leak_blames_ends():
    return "e"
