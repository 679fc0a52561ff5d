"""What `solution/clinic_stop.py` suffered from, and half-cures."""

import torch

from phase3_alignment.solution.clinic_stop import Batch
from phase3_alignment.solution.sft import IGNORED
from shared.mistakes import mistake


@mistake(
    "3.12",
    "clinic_stop.collate",
    "Words are learnt, the stop is not. Print one example and its labels: which of the marked tokens have no label?",
)
def collate_reads_padding_off_the_ids(examples, pad_id):
    T = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), T), pad_id)
    answers = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (tokens, counts) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        answers[row, : len(tokens)] = torch.tensor(counts)
    mask = ids != pad_id
    labels = ids.masked_fill(~(mask & answers), IGNORED)
    return Batch(ids, mask, labels)


@mistake(
    "3.12",
    "clinic_stop.collate",
    "The labels are right now; the mask still hides end tokens, so the model does not see where a turn ended.",
)
def collate_mends_only_labels(examples, pad_id):
    T = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), T), pad_id)
    labels = torch.full((len(examples), T), IGNORED)
    for row, (tokens, counts) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, : len(tokens)] = torch.tensor(tokens).where(torch.tensor(counts), IGNORED)
    return Batch(ids, ids != pad_id, labels)


@mistake(
    "3.12",
    "clinic_stop.collate",
    "The mask is right now; the labels still leave out whatever has the pad's id, the end tokens with it.",
)
def collate_mends_only_the_mask(examples, pad_id):
    T = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), T), pad_id)
    answers = torch.zeros(len(examples), T, dtype=torch.bool)
    mask = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (tokens, counts) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        answers[row, : len(tokens)] = torch.tensor(counts)
        mask[row, : len(tokens)] = True
    labels = ids.masked_fill(~answers | (ids == pad_id), IGNORED)
    return Batch(ids, mask, labels)


@mistake(
    "3.12",
    "clinic_stop.collate",
    "Padding counts now: the model learns to stop, and to say so again and again; most of the loss is padding.",
)
def collate_learns_padding(examples, pad_id):
    T = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), T), pad_id)
    answers = torch.ones(len(examples), T, dtype=torch.bool)
    mask = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (tokens, counts) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        answers[row, : len(tokens)] = torch.tensor(counts)
        mask[row, : len(tokens)] = True
    return Batch(ids, mask, ids.masked_fill(~answers, IGNORED))


@mistake(
    "3.12",
    "clinic_stop.collate",
    "Another token is used to pad: that hides the illness until somebody's text has this one. The pad may be any id.",
)
def collate_pads_with_0(examples, pad_id):
    T = max(len(ids) for ids, _ in examples)
    ids = torch.zeros(len(examples), T, dtype=torch.int64)
    answers = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (tokens, counts) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        answers[row, : len(tokens)] = torch.tensor(counts)
    mask = ids != 0
    return Batch(ids, mask, ids.masked_fill(~(mask & answers), IGNORED))


@mistake(
    "3.12",
    "clinic_stop.collate",
    "All real tokens count now, the user's too; the end is learnt, and so is asking the questions.",
)
def collate_learns_everything(examples, pad_id):
    T = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), T), pad_id)
    mask = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (tokens, _) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = True
    return Batch(ids, mask, ids.masked_fill(~mask, IGNORED))


@mistake(
    "3.12",
    "clinic_stop.collate",
    "The last end token of each row is saved, those between the turns are not: every answer has one.",
)
def collate_saves_the_last_end(examples, pad_id):
    T = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), T), pad_id)
    answers = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (tokens, counts) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        answers[row, : len(tokens)] = torch.tensor(counts)
    mask = ids != pad_id
    for row, (tokens, _) in enumerate(examples):
        mask[row, len(tokens) - 1] = True
    return Batch(ids, mask, ids.masked_fill(~(mask & answers), IGNORED))


@mistake(
    "3.12",
    "clinic_stop.collate",
    "The labels are shifted here and once more in the loss: each token is asked for two places ahead.",
)
def collate_shifts(examples, pad_id):
    T = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), T), pad_id)
    labels = torch.full((len(examples), T), IGNORED)
    mask = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (tokens, counts) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        shifted = torch.tensor(tokens).where(torch.tensor(counts), IGNORED)[1:]
        labels[row, : len(shifted)] = shifted
        mask[row, : len(tokens)] = True
    return Batch(ids, mask, labels)


@mistake(
    "3.12",
    "clinic_stop.collate_cause",
    "The story says that every answer ends in the end token, and the hand-made examples show it.",
)
def collate_blames_the_conversations():
    return "a"


@mistake(
    "3.12",
    "clinic_stop.collate_cause",
    "In a batch of one there is no padding, and the model of that row does not stop either.",
)
def collate_blames_the_padding():
    return "b"


@mistake(
    "3.12",
    "clinic_stop.collate_cause",
    "With labels one place off, no answer would be right to its last word.",
)
def collate_blames_the_shift():
    return "d"


@mistake(
    "3.12",
    "clinic_stop.collate_cause",
    "The loop has nothing to run over: p(end token) behind the last word is 0.00.",
)
def collate_blames_the_loop():
    return "e"
