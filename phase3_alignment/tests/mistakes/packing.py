"""Classic wrong answers for `solution/packing.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "3.11",
    "packing.pack",
    "Only the last row is looked at (next-fit): room in the earlier ones is never used again.",
)
def pack_next_fit(lengths, capacity):
    rows, left = [], 0
    for document, length in enumerate(lengths):
        if not rows or length > left:
            rows.append([])
            left = capacity
        rows[-1].append(document)
        left -= length
    return rows


@mistake(
    "3.11",
    "packing.pack",
    "The fullest row with room is taken (best-fit); first-fit takes the first one.",
)
def pack_best_fit(lengths, capacity):
    rows, room = [], []
    for document, length in enumerate(lengths):
        fitting = [row for row, left in enumerate(room) if left >= length]
        row = min(fitting, key=lambda r: room[r], default=len(rows))
        if row == len(rows):
            rows.append([])
            room.append(capacity)
        rows[row].append(document)
        room[row] -= length
    return rows


@mistake(
    "3.11",
    "packing.pack",
    "The documents are sorted first. They come in the order given, which the caller may have shuffled.",
)
def pack_longest_first(lengths, capacity):
    rows, room = [], []
    for document in sorted(range(len(lengths)), key=lambda d: -lengths[d]):
        length = lengths[document]
        row = next((row for row, left in enumerate(room) if left >= length), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(capacity)
        rows[row].append(document)
        room[row] -= length
    return rows


@mistake(
    "3.11",
    "packing.pack",
    "A row is never filled to its last place: a document of exactly the room that is left fits.",
)
def pack_leaves_a_place(lengths, capacity):
    rows, room = [], []
    for document, length in enumerate(lengths):
        row = next((row for row, left in enumerate(room) if left > length), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(capacity)
        rows[row].append(document)
        room[row] -= length
    return rows


@mistake(
    "3.11",
    "packing.pack",
    "The rows hold lengths; what was asked for is which documents are in them.",
)
def pack_gives_lengths(lengths, capacity):
    rows = []
    for length in lengths:
        row = next((row for row in rows if sum(row) + length <= capacity), None)
        if row is None:
            rows.append(row := [])
        row.append(length)
    return rows


@mistake(
    "3.11",
    "packing.pack",
    "The documents are cut where a row is full: the rest of one begins the next row, without what came before it.",
)
def pack_cuts(lengths, capacity):
    rows, left = [], 0
    for document, length in enumerate(lengths):
        while length:
            if not left:
                rows.append([])
                left = capacity
            rows[-1].append(document)
            taken = min(length, left)
            length, left = length - taken, left - taken
    return rows


@mistake(
    "3.11",
    "packing.positions",
    "Positions run on through the row: the second document begins where it never began in training.",
)
def positions_run_on(documents):
    return torch.arange(documents.shape[1], device=documents.device).expand(documents.shape)


@mistake(
    "3.11",
    "packing.positions",
    "The first token of a document has position 1; a document alone begins at 0.",
)
def positions_from_1(documents):
    index = torch.arange(documents.shape[1], device=documents.device)
    begins = torch.ones_like(documents, dtype=torch.bool)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return index - (index * begins).cummax(dim=1).values + 1


@mistake(
    "3.11",
    "packing.positions",
    "Where the documents begin is read off the first row alone; the other rows are packed differently.",
)
def positions_of_the_first_row(documents):
    found, count = [], 0
    row = documents[0].tolist()
    for t, document in enumerate(row):
        count = count + 1 if t and document == row[t - 1] else 0
        found.append(count)
    return torch.tensor(found, device=documents.device).expand(documents.shape).clone()


@mistake(
    "3.11",
    "packing.positions",
    "Each start is taken off what is left of the one before: it works for two documents and no more.",
)
def positions_subtract_the_last_start(documents):
    index = torch.arange(documents.shape[1], device=documents.device).repeat(len(documents), 1)
    for b, t in (documents[:, 1:] != documents[:, :-1]).nonzero().tolist():
        index[b, t + 1 :] -= t + 1
    return index


@mistake(
    "3.11",
    "packing.attention_mask",
    "Causal, and nothing else: a document reads all the others that stand before it in the row.",
)
def attention_mask_leaks(documents):
    B, T = documents.shape
    return torch.ones(B, 1, T, T, dtype=torch.bool, device=documents.device).tril()


@mistake(
    "3.11",
    "packing.attention_mask",
    "The documents are kept apart, but inside one a token sees what comes after it.",
)
def attention_mask_not_causal(documents):
    return documents[:, None, :, None] == documents[:, None, None, :]


@mistake(
    "3.11",
    "packing.attention_mask",
    "Upside down: True is where a token may look, not where it must not.",
)
def attention_mask_inverted(documents):
    T = documents.shape[1]
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return ~(same & torch.ones(T, T, dtype=torch.bool, device=documents.device).tril())


@mistake(
    "3.11",
    "packing.attention_mask",
    "Padding sees nothing at all: its softmax is 0/0, and the NaN comes back through the gradient.",
)
def attention_mask_empty_rows(documents):
    T = documents.shape[1]
    same = documents[:, None, :, None] == documents[:, None, None, :]
    real = (documents >= 0)[:, None, :, None]
    return same & real & torch.ones(T, T, dtype=torch.bool, device=documents.device).tril()


@mistake(
    "3.11",
    "packing.attention_mask",
    "A token does not see itself: the diagonal belongs to the mask.",
)
def attention_mask_without_the_diagonal(documents):
    T = documents.shape[1]
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return same & torch.ones(T, T, dtype=torch.bool, device=documents.device).tril(-1)


@mistake(
    "3.11",
    "packing.attention_mask",
    "Numbers of documents are compared by size; they are names, and a smaller one is still another document.",
)
def attention_mask_by_size(documents):
    T = documents.shape[1]
    same = documents[:, None, :, None] >= documents[:, None, None, :]
    return same & torch.ones(T, T, dtype=torch.bool, device=documents.device).tril()


@mistake(
    "3.11",
    "packing.attention_mask",
    "Queries and keys are exchanged: the past may look at the future, not the future at the past.",
)
def attention_mask_transposed(documents):
    T = documents.shape[1]
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return same & torch.ones(T, T, dtype=torch.bool, device=documents.device).triu()
