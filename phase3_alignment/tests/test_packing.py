"""Packing: by hand, by brute force, and every document against itself alone."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phase3_alignment.solution import packing, sft
from phase3_alignment.solution.sft import IGNORED
from phase3_alignment.tests.tiny_causal import FAMILIES, make_model
from shared import checks

# Two rows: documents 4 and 1, then documents 0, 2, 3 and padding.
DOCUMENTS = torch.tensor([[4, 4, 4, 1, 1, 1, 1], [0, 0, 2, 3, 3, -1, -1]])


# -- first-fit --------------------------------------------------------------------------------


@pytest.mark.exercise("3.11")
def test_first_fit_by_hand():
    lengths = [6, 5, 3, 5, 2]
    found = packing.pack(lengths, 10)
    checks.equal(lengths, [6, 5, 3, 5, 2], "the lengths, which pack leaves as they are")
    # 6 | 5 does not fit beside it | 3 fits beside 6 | 5 beside 5 fills a row | 2 needs a third.
    checks.equal(found, [[0, 2], [1, 3], [4]], "rows of 10 for documents of 6, 5, 3, 5, 2 tokens")


@pytest.mark.exercise("3.11")
def test_the_first_row_with_room_is_taken():
    found = packing.pack([5, 8, 9, 2, 3, 1], 10)
    # Row 0 has room for 2 and then for 3, though others would be fuller; row 1 has room for 1.
    expected = [[0, 3, 4], [1, 5], [2]]
    checks.equal(found, expected, "rows of 10 for documents of 5, 8, 9, 2, 3, 1 tokens")
    checks.equal(packing.pack([], 10), [], "rows for no document")


@pytest.mark.exercise("3.11")
@given(st.lists(st.integers(1, 12), max_size=12))
def test_first_fit_by_its_definition(lengths):
    rows = packing.pack(lengths, 12)
    name = f"rows of 12 for documents of {lengths} tokens"
    checks.law(isinstance(rows, list), f"{name}: a list", rows)
    packed = sorted(itertools.chain(*rows))
    checks.equal(packed, list(range(len(lengths))), f"{name}: every document once")
    for r, row in enumerate(rows):
        checks.at_most(sum(lengths[d] for d in row), 12, f"{name}: tokens in row {r}")
        for document in row:
            before = [sum(lengths[d] for d in other if d < document) for other in rows[:r]]
            room = [used + lengths[document] <= 12 for used in before]
            checks.law(not any(room), f"{name}: no earlier row had room for {document}", rows)


def test_never_far_from_the_fewest_rows():
    """At most 1.7 times the fewest rows, which a search over all partitions finds."""
    g = torch.Generator().manual_seed(0)
    for _ in range(30):
        lengths = torch.randint(1, 8, (7,), generator=g).tolist()
        best = len(lengths)
        for where in itertools.product(range(4), repeat=len(lengths)):
            rows = [0] * 4
            for length, row in zip(lengths, where, strict=True):
                rows[row] += length
            if max(rows) <= 10:
                best = min(best, sum(used > 0 for used in rows))
        checks.at_most(len(packing.pack(lengths, 10)), int(1.7 * best), f"rows for {lengths}")


# -- positions and mask -----------------------------------------------------------------------


@pytest.mark.exercise("3.11")
def test_positions_by_hand():
    given = DOCUMENTS.clone()
    found = packing.positions(DOCUMENTS)
    checks.equal(DOCUMENTS, given, "the documents, which positions leaves as they are")
    expected = torch.tensor([[0, 1, 2, 0, 1, 2, 3], [0, 1, 0, 0, 1, 0, 1]])
    checks.equal(found, expected, "positions of documents [4 4 4 1 1 1 1] and [0 0 2 3 3 . .]")
    checks.equal(str(found.dtype), "torch.int64", "dtype of the positions")


@pytest.mark.exercise("3.11")
def test_a_single_document():
    one = torch.full((2, 5), 7)
    checks.equal(packing.positions(one), torch.arange(5).expand(2, 5), "positions in one document")
    causal = torch.ones(5, 5).tril().bool().expand(2, 1, 5, 5)
    checks.equal(packing.attention_mask(one), causal, "mask of one document: the causal one")


@pytest.mark.exercise("3.11")
def test_mask_by_hand():
    given = torch.tensor([[5, 5, 3, 3, -1]])
    documents = given.clone()
    found = packing.attention_mask(documents)
    checks.equal(documents, given, "the documents, which attention_mask leaves as they are")
    checks.law(torch.is_tensor(found), "attention_mask gives a tensor", found)
    checks.equal([str(found.dtype), *found.shape], ["torch.bool", 1, 1, 5, 5], "dtype and shape")
    expected = torch.tensor(
        [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    )
    checks.equal(found[0, 0].int(), expected, "who sees whom among documents [5 5 3 3 .]")


@pytest.mark.exercise("3.11")
def test_mask_pair_by_pair():
    found = packing.attention_mask(DOCUMENTS)
    expected = torch.zeros(2, 1, 7, 7, dtype=torch.bool)
    for b, i, j in itertools.product(range(2), range(7), range(7)):
        expected[b, 0, i, j] = j <= i and DOCUMENTS[b, i] == DOCUMENTS[b, j]
    checks.equal(found, expected, "who sees whom in two rows")
    checks.law(found.any(-1).all(), "everybody sees somebody, padding too", found)


# -- what it is for ---------------------------------------------------------------------------


class Reader:
    """One head of attention over words and positions, in float64, with no weight trained."""

    def __init__(self, V=11, C=6, T=16):
        g = torch.Generator().manual_seed(0)
        shapes = [(V, C), (T, C), (C, C), (C, C), (C, V)]
        draws = (torch.randn(shape, generator=g, dtype=torch.float64) for shape in shapes)
        self.words, self.places, self.query, self.value, self.head = draws

    def __call__(self, ids, positions, sees):
        x = self.words[ids] + self.places[positions]
        scores = x @ self.query @ x.transpose(-2, -1)
        weights = scores.masked_fill(~sees[:, 0], float("-inf")).softmax(-1)
        return weights @ x @ self.value @ self.head

    def alone(self, ids):
        T = len(ids)
        causal = torch.ones(1, 1, T, T).tril().bool()
        return self(ids[None], torch.arange(T)[None], causal)[0]


def make_examples(V=11, sizes=(4, 7, 2, 3, 5)):
    g = torch.Generator().manual_seed(1)
    ids = [torch.randint(V, (n,), generator=g) for n in sizes]
    return [(tokens, torch.arange(len(tokens)) >= len(tokens) // 2) for tokens in ids]


@pytest.mark.exercise("3.11")
def test_a_packed_document_is_read_as_if_it_were_alone():
    reader, examples = Reader(), make_examples()
    rows = packing.pack([len(ids) for ids, _ in examples], 9)
    batch = packing.fill(examples, rows, pad_id=10)
    sees = packing.attention_mask(batch.documents)
    logits = reader(batch.ids, packing.positions(batch.documents), sees)
    checks.law(not logits.isnan().any(), "no logits are NaN, not those of padding either", logits)
    for document, (ids, _) in enumerate(examples):
        found = logits[batch.documents == document]
        # float64 sums in another order
        checks.close(
            found, reader.alone(ids), f"logits of document {document}, packed", 1e-12, 1e-12
        )


@pytest.mark.exercise("3.11")
def test_the_packed_loss_is_that_of_the_documents():
    reader, examples = Reader(), make_examples()
    rows = packing.pack([len(ids) for ids, _ in examples], 9)
    batch = packing.fill(examples, rows, pad_id=0)
    sees = packing.attention_mask(batch.documents)
    loss = sft.loss(reader(batch.ids, packing.positions(batch.documents), sees), batch.labels)
    n = sum(answers[1:].sum().item() for _, answers in examples)
    alone = [
        sft.loss(reader.alone(ids)[None], sft.labels(ids, answers)[None], n)
        for ids, answers in examples
    ]
    checks.close(loss, sum(alone), "loss of the packed batch, against documents one by one")


# -- given ------------------------------------------------------------------------------------


def test_fill():
    examples = [
        (torch.tensor([1, 2]), torch.tensor([True, True])),
        (torch.tensor([3, 4, 5]), torch.tensor([False, True, True])),
        (torch.tensor([6]), torch.tensor([True])),
    ]
    batch = packing.fill(examples, [[1, 2], [0]], pad_id=9)
    checks.equal(batch.ids, torch.tensor([[3, 4, 5, 6], [1, 2, 9, 9]]), "ids")
    checks.equal(batch.documents, torch.tensor([[1, 1, 1, 2], [0, 0, -1, -1]]), "documents")
    expected = torch.tensor([[IGNORED, 4, 5, IGNORED], [IGNORED, 2, IGNORED, IGNORED]])
    checks.equal(batch.labels, expected, "labels: no document's first token is predicted")


def test_a_document_longer_than_a_row_is_an_error():
    with pytest.raises(ValueError, match="11 tokens does not fit a row of 10"):
        packing.pack([3, 11], 10)


def test_what_is_made_is_where_the_documents_are():
    documents = DOCUMENTS.to("meta")
    for made in (packing.positions(documents), packing.attention_mask(documents)):
        checks.equal(made.device.type, "meta", "device")


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_packed_in_transformers(family, attention, dtype):
    model, examples = make_model(family, attention, dtype), make_examples(V=50)
    batch = packing.fill(examples, packing.pack([len(ids) for ids, _ in examples], 12), 3)
    with torch.no_grad():
        packed = model(**packing.inputs(batch, dtype)).logits
        for document, (ids, _) in enumerate(examples):
            alone = model(input_ids=ids[None]).logits[0]
            name = f"{family}, {attention}: document {document} of a packed batch"
            # float64 to 1e-9, as asked of packing; float32 to torch's default.
            exact = {"rtol": 1e-9, "atol": 1e-9} if dtype is torch.float64 else {}
            checks.close(packed[batch.documents == document], alone, name, **exact)


@pytest.mark.parametrize("family", FAMILIES)
def test_positions_alone_keep_documents_apart_only_without_a_cache(family):
    """What the lesson says of transformers: without mask and cache it reads the positions."""
    model, examples = make_model(family), make_examples(V=50)
    batch = packing.fill(examples, packing.pack([len(ids) for ids, _ in examples], 12), 3)
    ids, positions = batch.ids, packing.positions(batch.documents)
    with torch.no_grad():
        expected = model(**packing.inputs(batch, torch.float64)).logits
        apart = model(input_ids=ids, position_ids=positions, use_cache=False).logits
        cached = model(input_ids=ids, position_ids=positions, use_cache=True).logits
        all_real = torch.ones_like(ids)
        masked = model(ids, attention_mask=all_real, position_ids=positions, use_cache=False).logits
    checks.close(apart, expected, "positions without a cache", 1e-9, 1e-9)
    for leaks in (cached, masked):
        checks.at_least((leaks - expected).abs().max(), 1e-3, "documents that see each other")


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_gradients_of_a_packed_batch(attention):
    """One step on packed rows is the step on the documents padded: Llama, every parameter."""
    model, examples = make_model("llama", attention), make_examples(V=50)
    batch = packing.fill(examples, packing.pack([len(ids) for ids, _ in examples], 12), 3)
    sft.loss(model(**packing.inputs(batch, torch.float64)).logits, batch.labels).backward()
    packed = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    n = (batch.labels != IGNORED).sum()
    for ids, answers in examples:
        sft.loss(model(input_ids=ids[None]).logits, sft.labels(ids, answers)[None], n).backward()
    alone = [p.grad for p in model.parameters()]
    checks.close(packed, alone, "gradients of packed rows", 1e-9, 1e-9)
