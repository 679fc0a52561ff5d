"""What of conversations becomes rows of tokens, and what does not."""

import pytest
import torch

from phase3_alignment.project import corpora, demonstrations, templates
from phase3_alignment.project.records import Conversation, Corpus, Labelled, Pair
from phase3_alignment.solution.chat import Message
from phase3_alignment.tests.tiny_pretrained import make_tokenizer
from shared import checks
from shared.texts import DataError


def talk(*texts):
    """User and assistant in turn."""
    return Conversation(
        tuple(Message(("user", "assistant")[i % 2], text) for i, text in enumerate(texts))
    )


@pytest.fixture(scope="module")
def tokenizer():
    found = make_tokenizer()
    found.chat_template = templates.OURS
    return found


def length(conversation, tokenizer):
    return len(templates.render(conversation.messages, tokenizer)[0])


def test_a_conversation_is_cut_behind_the_last_answer_that_fits(tokenizer):
    whole = talk("Hi?", "Yes.", "And more?", "No, that is all that I can say about it.")
    short = talk("Hi?", "Yes.")
    for block_size in (length(short, tokenizer), length(whole, tokenizer) - 1):
        found = demonstrations.prepare([whole, short], tokenizer, block_size)
        checks.equal(found.conversations, (short, short), f"what is kept in {block_size}")
        checks.equal((found.n_cut, found.n_dropped), (1, 0), "cut and dropped")
        ids, answers = found.examples[0]
        assert ids[-1] == tokenizer.eos_token_id  # an answer without its end is never learnt
        assert bool(answers[-1])
    found = demonstrations.prepare([whole], tokenizer, length(whole, tokenizer))
    checks.equal((found.conversations, found.n_cut), ((whole,), 0), "what fits exactly")


def test_what_does_not_fit_or_has_no_answer_is_dropped_and_told(tokenizer):
    kept, long, unanswered = talk("a", "b"), talk("a" * 99, "b"), talk("a?")
    found = demonstrations.prepare([kept, long, unanswered], tokenizer, 40)
    checks.equal(found.conversations, (kept,), "what is kept")
    checks.equal(found.n_dropped, 2, "dropped")
    assert "1 conversations, 2 dropped" in str(found)
    with pytest.raises(DataError, match="1 have no answer or do not fit into 16 tokens") as caught:
        demonstrations.prepare([long], tokenizer, 16)
    assert "\n" not in str(caught.value)


def test_a_turn_of_the_user_behind_the_last_answer_is_no_loss(tokenizer):
    found = demonstrations.prepare([talk("a", "b", "and then?")], tokenizer, 99)
    checks.equal((found.conversations, found.n_cut), ((talk("a", "b"),), 0), "what is kept")


def test_a_tokenizer_without_a_token_for_a_character_is_told():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = {c: i for i, c in enumerate("\n:abAeinrstU")}
    tokens = Tokenizer(models.WordLevel(letters | {"<end>": 12}))
    tokens.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<end>")
    found = demonstrations.prepare([talk("a", "b"), talk("?", "b")], tokenizer, 99)
    checks.equal((len(found.examples), found.n_unwritable), (1, 1), "kept and unwritable")
    with pytest.raises(DataError, match="1 have characters without a token"):
        demonstrations.prepare([talk("?", "b")], tokenizer, 99)


def test_an_error_of_our_own_is_not_taken_for_a_missing_character(tokenizer, monkeypatch):
    def broken(*_):
        raise ValueError("the template repeats what was said")

    monkeypatch.setattr(templates, "render", broken)
    with pytest.raises(ValueError, match="repeats"):
        demonstrations.prepare([talk("a", "b")], tokenizer, 99)


def test_swapped_conversations_keep_their_answers():
    first, second, third = talk("a?", "a.", "more?", "no"), talk("b?", "b."), talk("c?", "c.")
    checks.equal(
        demonstrations.swapped([first, second, third]),
        [talk("b?", "a.", "more?", "no"), talk("c?", "b."), talk("a?", "c.")],
        "each with the prompt of the next",
    )


# -- data -------------------------------------------------------------------------------------


def load(monkeypatch, train, validation=()):
    corpus = Corpus(tuple(train), (talk("t?", "t."),), "a test", tuple(validation))
    monkeypatch.setattr(corpora, "load", lambda name: corpus)
    return demonstrations.load("any")


def test_a_validation_part_is_made_where_there_is_none(monkeypatch):
    train = [talk(f"Question {i}?", f"{i}.", "More?", "No.") for i in range(1000)]
    train += [talk(f"Question {i}?", "Another answer.") for i in range(1000)]
    found = load(monkeypatch, train)
    sides = [{c.messages[0].content for c in part} for part in (found.train, found.validation)]
    assert not sides[0] & sides[1]  # both conversations on one question are on one side
    checks.equal(len(found.train) + len(found.validation), 2000, "conversations in both parts")
    # 1000 draws of 0.1: four standard deviations of a binomial distribution are 38.
    assert abs(len(sides[1]) - 100) < 38
    given = load(monkeypatch, train, train[:3])
    checks.equal((len(given.train), len(given.validation)), (2000, 3), "the publisher's parts")


def test_the_documentation_has_all_three_parts():
    found = demonstrations.load("documentation")
    sizes = [len(part) for part in (found.train, found.validation, found.test)]
    assert sizes[0] > sizes[1] > 100
    assert sizes[2] > 100


def test_of_a_pair_the_preferred_answer_is_learnt_from(monkeypatch):
    pair = Pair((Message("user", "a?"),), "good", "bad")
    checks.equal(load(monkeypatch, [pair], [pair]).train, (talk("a?", "good"),), "what is learnt")
    with pytest.raises(DataError, match="no answers"):
        load(monkeypatch, [Labelled("a", 0)])


# -- rows and batches -------------------------------------------------------------------------


def test_every_example_is_in_one_row(tokenizer):
    said = [talk("a" * (i % 7), "b" * (i % 11)) for i in range(50)]
    examples = demonstrations.prepare(said, tokenizer, 128).examples
    rows = demonstrations.rows(examples, 128, is_packed=True)
    checks.equal(sorted(i for row in rows for i in row), list(range(50)), "all examples, once")
    assert max(sum(len(examples[i][0]) for i in row) for row in rows) <= 128
    assert len(rows) < 25
    checks.equal(demonstrations.rows(examples, 128, False), [[i] for i in range(50)], "one each")


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (4, 4), (3, 7), (1, 2)])
def test_every_row_comes_once_an_epoch(n, batch_size):
    steps = [demonstrations.batch(n, batch_size, step, seed=5) for step in range(n)]
    assert all(len(step) == batch_size for step in steps)
    seen = torch.tensor(steps).flatten().view(batch_size, n)  # n steps are batch_size epochs
    checks.equal(seen.sort(-1).values, torch.arange(n).expand(batch_size, n), "rows of each epoch")


def test_the_order_is_of_the_seed_and_the_epoch():
    def epochs(seed):
        return [demonstrations.batch(100, 100, step, seed) for step in range(2)]

    assert epochs(0) == epochs(0)
    assert epochs(0)[0] != epochs(0)[1]
    assert epochs(0)[0] != epochs(1)[0]
