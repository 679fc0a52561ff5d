from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from phase1_transformers.solution import generate
from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.sampling import GREEDY, Sampling
from phase1_transformers.solution.tokenizer import END
from phase1_transformers.solution.unigram import UnigramTokenizer
from phase1_transformers.tests.tiny_models import BLOCK_SIZE, CONFIGS, random_ids, tiny_model
from shared import checks

LIVELY = Sampling(temperature=1.2, top_k=20, top_p=0.95, repetition_penalty=1.1)


def new_ids(model, idx, n, seed=0, **options):
    """Generate n tokens, (B, n)."""
    generator = torch.Generator().manual_seed(seed)
    tokens = list(generate.generate(model, idx, n, generator=generator, **options))
    return torch.stack(tokens, dim=1) if tokens else idx[:, :0]


# -- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CONFIGS)
def test_greedy_is_the_argmax_of_a_full_pass(kind):
    model, idx = tiny_model(kind), random_ids(3, 4)
    text = idx
    for _ in range(8):
        text = torch.cat([text, model(text)[0][:, -1].argmax(-1, keepdim=True)], dim=1)
    checks.equal(new_ids(model, idx, 8, sampling=GREEDY), text[:, 4:], "8 new tokens")
    checks.equal(idx, random_ids(3, 4), "the prompts")


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("T", [1, 7, BLOCK_SIZE, 3 * BLOCK_SIZE + 5])
@pytest.mark.parametrize("how", [GREEDY, LIVELY], ids=["greedy", "lively"])
def test_the_cache_changes_nothing(kind, T, how):
    """Short prompts and long ones, and texts that outgrow the block several times."""
    model, idx = tiny_model(kind), random_ids(2, T)
    cached = new_ids(model, idx, 40, sampling=how)
    plain = new_ids(model, idx, 40, sampling=how, use_cache=False)
    checks.equal(cached, plain, f"40 new tokens after {T}, block_size {BLOCK_SIZE}")


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_long_text_is_read_from_the_start_of_the_window(kind):
    model, text = tiny_model(kind), random_ids(1, 9)
    for _ in range(30):
        window = text[:, generate.window_start(text.shape[1], BLOCK_SIZE) :]
        text = torch.cat([text, model(window)[0][:, -1].argmax(-1, keepdim=True)], dim=1)
    checks.equal(new_ids(model, random_ids(1, 9), 30, sampling=GREEDY), text[:, 9:], "new tokens")


def test_a_text_can_be_taken_up_again():
    model, idx = tiny_model(), random_ids(2, 5)
    first = new_ids(model, idx, 13, sampling=GREEDY)
    rest = new_ids(model, torch.cat([idx, first], dim=1), 17, sampling=GREEDY)
    whole = new_ids(model, idx, 30, sampling=GREEDY)
    checks.equal(torch.cat([first, rest], dim=1), whole, "13 and 17 tokens, against 30 at once")


@given(st.integers(1, 400), st.integers(1, 50))
def test_laws_of_the_window(n_tokens, block_size):
    start = generate.window_start(n_tokens, block_size)
    seen = n_tokens - start
    checks.at_most(seen, block_size, "tokens in the window")
    checks.at_least(seen, min(n_tokens, (block_size + 1) // 2), "tokens in the window")
    if n_tokens <= block_size:
        checks.equal(start, 0, "start of a text that fits")
    later = generate.window_start(n_tokens + 1, block_size)
    checks.law(later in (start, start + max(1, block_size // 2)), "it moves by half a block")


def test_each_token_is_read_about_once():
    """The cache is filled anew once in half a block, so the work per token is bounded."""
    model, read = tiny_model(), []
    model.token_embedding.register_forward_hook(lambda m, args, out: read.append(out.shape[1]))
    new_ids(model, random_ids(1, 5), 7, sampling=GREEDY)
    checks.equal(read, [5] + [1] * 6, "tokens read while the text fits")
    read.clear()
    new_ids(model, random_ids(1, 5), 100, sampling=GREEDY)
    checks.at_most(sum(read) / 100, 2.2, "tokens read for each new one")


def test_seeds():
    model, idx = tiny_model(), random_ids(2, 4)
    one, again, other = (new_ids(model, idx, 20, seed, sampling=LIVELY) for seed in (1, 1, 2))
    checks.equal(one, again, "20 tokens, the same seed")
    checks.law(not torch.equal(one, other), "another seed gives another text", other)


def test_generating_is_lazy_and_keeps_no_graph():
    model, read = tiny_model(), []
    model.token_embedding.register_forward_hook(lambda m, args, out: read.append(1))
    tokens = generate.generate(model, random_ids(1, 4), 10**9, sampling=GREEDY, use_cache=False)
    checks.equal(len(read), 0, "passes before the first token is asked for")
    first = next(tokens)
    checks.law(torch.is_grad_enabled(), "gradients are on again between tokens")
    list(islice(tokens, 2))
    checks.equal(len(read), 3, "passes for three tokens")
    checks.equal((first.shape, first.dtype), ((1,), torch.int64), "a step's shape and dtype")
    checks.equal(new_ids(model, random_ids(1, 4), 0).shape, (1, 0), "no new tokens at all")


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_agrees_with_transformers(penalty, tmp_path):
    from transformers import AutoModelForCausalLM

    from phase1_transformers.project.hub import save_pretrained

    model, idx = tiny_model(), random_ids(2, 4)
    save_pretrained(model, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64)
    options = {"do_sample": False, "max_new_tokens": 8, "pad_token_id": 0, "eos_token_id": None}
    expected = theirs.generate(idx, repetition_penalty=penalty, **options)[:, 4:]
    how = Sampling(temperature=0, repetition_penalty=penalty)
    checks.equal(new_ids(model, idx, 8, sampling=how), expected, "8 greedy tokens")


# -- text -------------------------------------------------------------------------------------

BYTES = BytePairTokenizer([], specials={END: 256})


class Parrot(nn.Module):
    """A model that says given tokens behind a prompt of one token."""

    def __init__(self, tokens):
        super().__init__()
        self.tokens, self.n_asked = tokens, 0
        self.token_embedding = nn.Embedding(257, 1)
        sizes = {"n_layer": 1, "n_kv_head": 1, "head_dim": 1}
        self.config = SimpleNamespace(block_size=1000, **sizes)

    def forward(self, idx, cache=None):
        T = idx.shape[1] + (cache.length if cache else 0)
        if cache:
            cache.advance(idx.shape[1])
        self.n_asked += 1
        return nn.functional.one_hot(torch.tensor([[self.tokens[T - 1]]]), 257).double(), None


def say(text, stop=(), n=1000, **options):
    """Stream a text, byte by byte, from a model that says it."""
    model = Parrot([*text.encode(), 256, *b"never"])
    options = {"sampling": GREEDY, "stop": stop, **options}
    return model, list(generate.stream(model, BYTES, ">", n, **options))


def test_stream_gives_the_text_in_pieces():
    _, texts = say("naïve 🦙!")
    checks.equal(texts, list("naïve 🦙!"), "pieces of 'naïve 🦙!', a byte a token")
    _, texts = say("naïve 🦙!", use_cache=False)
    checks.equal("".join(texts), "naïve 🦙!", "without a cache")


def test_stream_ends_where_it_must():
    checks.equal(say("one\ntwo\n", ["\n"])[1], list("one"), "stop at a line end")
    checks.equal("".join(say("ab##c###d", ["###"])[1]), "ab##c", "a stop string of three tokens")
    checks.equal("".join(say("abcd", n=2)[1]), "ab", "max_new_tokens 2")
    checks.equal("".join(say("é", n=1)[1]), "\ufffd", "cut off inside a character")
    checks.equal("".join(say("ab#", ["##"])[1]), "ab#", "half a stop string at the end is text")
    model, _ = say("stop here", ["p"])
    checks.equal(model.n_asked, 4, "tokens asked for until 'stop' has its p")


def test_stream_refuses_what_it_cannot_do():
    model, bare = Parrot([1]), BytePairTokenizer([])
    for call, name, told in [
        (lambda: generate.stream(model, BYTES, "a", 1, stop=["x", ""]), "stop ''", "not be empty"),
        (lambda: generate.stream(model, bare, "", 1), "nothing to begin with", "endoftext"),
    ]:
        checks.raises(call, ValueError, name, match=told)
    begun = "".join(generate.stream(Parrot([*b"hi", 256]), BYTES, "", 9, sampling=GREEDY))
    checks.equal(begun, "hi", "an empty prompt begins a new document")


@pytest.mark.parametrize(
    "tokenizer",
    [
        CharTokenizer.train("the cat sat on the mat, naïvely 🦙"),
        BytePairTokenizer.train("the cat sat on the mat " * 3, 270),
        UnigramTokenizer({"the": -2.0, " cat": -2.5, "at": -3.0, " ": -3.0}, specials={END: 999}),
    ],
    ids=["characters", "bytes", "unigram"],
)
def test_pieces_of_any_tokenizer(tokenizer):
    prompt, text = "the cat ", "sat on the mat, naïvely 🦙 at the"
    ids = tokenizer.encode(prompt), tokenizer.encode(text)
    texts = list(generate.pieces(tokenizer, *ids))
    checks.equal("".join(texts), text, "the pieces, joined")
    checks.law(all(texts) and "\ufffd" not in "".join(texts), "every piece is text", texts)


@given(st.binary(max_size=12), st.binary(max_size=12))
def test_pieces_of_any_bytes(prompt, new):
    """Valid UTF-8 or not, what was printed is what decoding everything at once gives."""
    whole, before = BYTES.decode([*prompt, *new]), BYTES.decode(list(prompt))
    texts = list(generate.pieces(BYTES, list(prompt), new))
    if whole.startswith(before):  # else the prompt ends inside a character
        checks.equal(before + "".join(texts), whole, "the pieces, joined")


def first_stop(text, stop):
    """Cut a text at the stop string that is complete first: the definition, by brute force."""
    for end in range(len(text) + 1):
        if found := [len(word) for word in stop if text[:end].endswith(word)]:
            return text[: end - max(found)]
    return text


LETTERS = st.text("ab", max_size=5)


@settings(max_examples=500)
@given(st.lists(LETTERS, max_size=6), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_stop_strings_across_pieces(texts, stop):
    said = list(generate.until_stop(texts, stop))
    checks.equal("".join(said), first_stop("".join(texts), stop), f"{texts} up to {stop}")
    checks.law(all(said), "no piece is empty", said)


def may_become(text, stop):
    """Count the last characters of a text that are the beginning of a stop string."""
    ends = [text[i:] for i in range(len(text))]
    return max((len(end) for end in ends if any(word.startswith(end) for word in stop)), default=0)


@given(st.text("abc", max_size=8), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_no_text_is_held_back_without_need(text, stop):
    """Whenever the next character is asked for, all is out but what may become a stop string."""
    said = []

    def ask():
        for i, character in enumerate(text):
            so_far = text[:i]
            shown = so_far[: len(so_far) - may_become(so_far, stop)]
            checks.equal("".join(said), shown, f"shown of {so_far!r} with {stop}")
            yield character

    for piece in generate.until_stop(ask(), stop):
        said.append(piece)
