"""What `solution/clinic_batch.py` suffered from, and half-cures."""

import torch

from phase4_production.solution.clinic_batch import Padded
from shared.mistakes import mistake


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "A prompt's three rows are not those it has alone. Print them for a short and a long prompt: what moved with the neighbour?",
)
def pad_left_counts_columns(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    columns = torch.arange(T).expand(len(prompts), T)
    return Padded(ids, columns >= (T - lengths)[:, None], columns.clone())


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "Positions begin at the first real token now, but at 1: a count that includes the token itself is one too large.",
)
def pad_left_begins_at_1(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    mask = torch.zeros(len(prompts), T, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
        mask[row, T - len(prompt) :] = True
    return Padded(ids, mask, mask.cumsum(1))


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "Real tokens are right; padding has a position below 0, which an embedding does not have, or takes from its end.",
)
def pad_left_leaves_places_below_0(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    places = torch.arange(T) - (T - lengths)[:, None]
    return Padded(ids, places >= 0, places)


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "Padding went to the right: positions are right by themselves there, but the last column is no longer the newest token.",
)
def pad_left_pads_right(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = torch.tensor(prompt)
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    columns = torch.arange(T).expand(len(prompts), T)
    mask = columns < lengths[:, None]
    return Padded(ids, mask, columns.where(mask, 0))


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "What is padding is read off the ids: a prompt that uses the pad's id loses its own tokens.",
)
def pad_left_reads_padding_off_the_ids(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
    mask = ids != pad_id
    return Padded(ids, mask, (mask.cumsum(1) - 1).clamp(min=0))


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "Every row is given the positions of the shortest prompt: the shift differs from row to row.",
)
def pad_left_shifts_all_rows_alike(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    shortest = min(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    mask = torch.zeros(len(prompts), T, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
        mask[row, T - len(prompt) :] = True
    places = (torch.arange(T) - (T - shortest)).clamp(min=0)
    return Padded(ids, mask, places.repeat(len(prompts), 1))


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "The mask is all True: that the model looked at padding was never the illness, and now it does.",
)
def pad_left_unmasks(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    places = torch.arange(T) - (T - lengths)[:, None]
    return Padded(ids, torch.ones_like(ids, dtype=torch.bool), places.clamp(min=0))


@mistake(
    "4.20",
    "clinic_batch.pad_left_cause",
    "Were padding looked at, another embedding of the pad token would change the logits.",
)
def pad_left_blames_the_mask():
    return "a"


@mistake(
    "4.20",
    "clinic_batch.pad_left_cause",
    "Rounding is there, in the sixth digit: see the rotary model. Logits that are off by 7 have another cause.",
)
def pad_left_blames_rounding():
    return "b"


@mistake(
    "4.20",
    "clinic_batch.pad_left_cause",
    "With padding on the left the last column is nobody's padding, and the rotary model reads the same column.",
)
def pad_left_blames_the_last_column():
    return "c"


@mistake(
    "4.20",
    "clinic_batch.pad_left_cause",
    "Nothing is drawn: the answers are greedy.",
)
def pad_left_blames_the_generator():
    return "d"


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "Real tokens have their places now; padding has place 1, and the docstring says 0.",
)
def pad_left_gives_padding_place_1(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    mask = torch.zeros(len(prompts), T, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
        mask[row, T - len(prompt) :] = True
    return Padded(ids, mask, (mask.long().cumsum(1) - 1).masked_fill(~mask, 1))


@mistake(
    "4.20",
    "clinic_batch.pad_left",
    "Padding is at 0 now, but a real token still has its column for a place: it moves with the neighbour.",
)
def pad_left_masks_the_columns(prompts, pad_id):
    T = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), T), pad_id)
    for row, prompt in enumerate(prompts):
        ids[row, T - len(prompt) :] = torch.tensor(prompt)
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    columns = torch.arange(T).expand(len(prompts), T)
    mask = columns >= (T - lengths)[:, None]
    return Padded(ids, mask, columns * mask)
