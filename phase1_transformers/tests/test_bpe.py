"""Byte-pair encoding against cases by hand, string replacement, and round trips."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase1_transformers.solution import bpe
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN, split
from phase1_transformers.solution.tokenizer import END
from shared import checks

WHOLE = r"[\s\S]+"  # one pre-token
few_ids = st.lists(st.integers(0, 3), max_size=12)
A, B, C, D = b"abcd"


def ranks_of(merges, first=256):
    return {pair: first + i for i, pair in enumerate(merges)}


# -- 1.1: counting, merging, training ---------------------------------------------------------


@pytest.mark.exercise("1.1")
def test_pair_counts_by_hand():
    counts = bpe.pair_counts([[5, 6, 5, 6, 7]])
    checks.equal(counts, {(5, 6): 2, (6, 5): 1, (6, 7): 1}, "pair counts of 5 6 5 6 7")


@pytest.mark.exercise("1.1")
def test_pair_counts_stop_at_borders():
    counts = bpe.pair_counts([[1, 2], [3, 1, 2], [9], []])
    checks.equal(counts, {(1, 2): 2, (3, 1): 1}, "pair counts of the pre-tokens 1 2 | 3 1 2 | 9 |")


@pytest.mark.exercise("1.1")
def test_pair_counts_of_one_id_again_and_again():
    checks.equal(bpe.pair_counts([[7, 7, 7]]), {(7, 7): 2}, "pair counts of 7 7 7")


@pytest.mark.exercise("1.1")
def test_pair_counts_of_nothing():
    checks.equal(bpe.pair_counts([]), {}, "pair counts of no pre-tokens")
    checks.equal(bpe.pair_counts([[], [4]]), {}, "pair counts where no id has a neighbour")


@pytest.mark.exercise("1.1")
@settings(max_examples=40)
@given(st.lists(few_ids, max_size=5))
def test_pair_counts_match_search(pieces):
    before = [list(ids) for ids in pieces]
    counts = bpe.pair_counts(pieces)
    checks.equal(pieces, before, "pair_counts leaves its argument as it was")
    expected = {}
    for pair in itertools.product(range(4), repeat=2):
        windows = [tuple(ids[i : i + 2]) for ids in pieces for i in range(len(ids))]
        expected |= {pair: windows.count(pair)} if pair in windows else {}
    checks.equal(counts, expected, f"pair counts of {pieces}")


@pytest.mark.exercise("1.1")
def test_merge_pair_by_hand():
    ids = [5, 6, 5, 6, 7]
    merged = bpe.merge_pair(ids, (5, 6), 9)
    checks.equal(ids, [5, 6, 5, 6, 7], "merge_pair leaves its argument as it was")
    checks.equal(merged, [9, 9, 7], "5 6 5 6 7 after merging (5, 6) into 9")
    checks.equal(bpe.merge_pair(ids, (6, 7), 9), [5, 6, 5, 9], "5 6 5 6 7 after merging (6, 7)")


@pytest.mark.exercise("1.1")
def test_merge_pair_of_one_id_again_and_again():
    checks.equal(bpe.merge_pair([7] * 3, (7, 7), 9), [9, 7], "7 7 7 after merging (7, 7) into 9")
    checks.equal(bpe.merge_pair([7] * 5, (7, 7), 9), [9, 9, 7], "five 7 after merging (7, 7)")


@pytest.mark.exercise("1.1")
def test_merge_pair_keeps_to_the_order():
    checks.equal(bpe.merge_pair([6, 5, 6], (5, 6), 9), [6, 9], "6 5 6 after merging (5, 6) into 9")
    checks.equal(bpe.merge_pair([6, 5], (5, 6), 9), [6, 5], "6 5 after merging (5, 6), not there")


@pytest.mark.exercise("1.1")
def test_merge_pair_of_nothing():
    checks.equal(bpe.merge_pair([], (5, 6), 9), [], "no ids after merging (5, 6)")
    checks.equal(bpe.merge_pair([5], (5, 6), 9), [5], "a single 5 after merging (5, 6)")


@pytest.mark.exercise("1.1")
@settings(max_examples=40)
@given(few_ids, st.integers(0, 3), st.integers(0, 3))
def test_merge_pair_matches_string_replacement(ids, left, right):
    text = "".join(map(chr, ids)).replace(chr(left) + chr(right), chr(9))
    merged = bpe.merge_pair(ids, (left, right), 9)
    checks.equal(merged, [ord(c) for c in text], f"{ids} after merging {(left, right)} into 9")


@pytest.mark.exercise("1.1")
def test_train_by_hand():
    # aa occurs 4 times: Z abd Z abac. Then (Z, a) and (a, b) twice each: a comes before Z.
    # Z Y d Z Y ac: now (Z, Y) twice, and nothing else.
    merges = bpe.train("aaabdaaabac", 259, WHOLE)
    checks.equal(merges, [(A, A), (A, B), (256, 257)], "three merges of aaabdaaabac")


@pytest.mark.exercise("1.1")
def test_train_breaks_ties_by_ids():
    merges = bpe.train("cb ca bd", 259, r"\w+| ")
    expected = [(B, D), (C, A), (C, B)]
    checks.equal(merges, expected, "merges of the pre-tokens cb, ca and bd, each pair once")


@pytest.mark.exercise("1.1")
def test_train_counts_every_pre_token():
    merges = bpe.train("ab cd cd", 257, r"\w+| ")
    checks.equal(merges, [(C, D)], "first merge of the pre-tokens ab, cd and cd again")


@pytest.mark.exercise("1.1")
def test_train_stays_within_pre_tokens():
    merges = bpe.train("ab.ab.ab.", 300, r"\w+|\W")
    checks.equal(merges, [(A, B)], "merges of ab.ab.ab. where the dot is a pre-token of its own")


@pytest.mark.exercise("1.1")
def test_train_learns_bytes():
    merges = bpe.train("日日", 300, WHOLE)  # e6 97 a5, twice
    checks.equal(merges, [(0x97, 0xA5), (0xE6, 256), (257, 257)], "merges of 日日")


@pytest.mark.exercise("1.1")
def test_train_counts_its_merges():
    checks.equal(bpe.train("ab ab", 256), [], "merges for a vocabulary of 256")
    checks.equal(bpe.train("", 300), [], "merges of the empty text")
    checks.raises(lambda: bpe.train("ab", 255), ValueError, "train with vocab_size 255")


@pytest.mark.exercise("1.1")
def test_train_cuts_as_gpt4_does_by_default():
    merges = bpe.train("1234 1234", 300)
    expected = [(ord("1"), ord("2")), (256, ord("3"))]
    checks.equal(merges, expected, "merges of 1234 1234, cut as GPT-4 does")


def train_on_strings(text, vocab_size):
    """Train by counting and replacing in one string, whose pre-tokens are separated by spaces."""
    merges = []
    for new_id in range(256, vocab_size):
        pairs = {text[i : i + 2] for i in range(len(text) - 1)}
        counts = {
            pair: sum(text.startswith(pair, i) for i in range(len(text)))
            for pair in pairs
            if " " not in pair
        }
        if not counts:
            break
        most = max(counts.values())
        pair = sorted(pair for pair in counts if counts[pair] == most)[0]
        merges.append((ord(pair[0]), ord(pair[1])))
        text = text.replace(pair, chr(new_id))
    return merges


@pytest.mark.exercise("1.1")
@pytest.mark.parametrize("seed", range(6))
def test_train_matches_string_replacement(seed):
    text = "".join(random.Random(seed).choices("aab ", k=60))
    expected = train_on_strings(text, 268)
    checks.equal(bpe.train(text, 268, r"\w+|\s"), expected, f"twelve merges of {text!r}")


# -- 1.2: spelling, encoding, decoding --------------------------------------------------------


@pytest.mark.exercise("1.2")
def test_vocabulary_by_hand():
    merges = [(ord("h"), ord("i")), (256, ord("!"))]
    vocab = bpe.vocabulary(merges)
    checks.equal(len(vocab), 258, "number of tokens after two merges")
    spelled = [vocab.get(i) for i in (ord("h"), 256, 257)]
    checks.equal(spelled, [b"h", b"hi", b"hi!"], "bytes of h, of h + i, and of that + !")
    checks.equal(merges, [(ord("h"), ord("i")), (256, ord("!"))], "vocabulary leaves the merges")


@pytest.mark.exercise("1.2")
def test_vocabulary_has_every_byte():
    expected = {i: bytes([i]) for i in range(256)}
    checks.equal(bpe.vocabulary([]), expected, "vocabulary without merges")


@pytest.mark.exercise("1.2")
def test_vocabulary_with_bytes_in_another_order():
    byte_ids = [*range(3, 259)]  # as if three special tokens had the ids 0, 1 and 2
    vocab = bpe.vocabulary([(A + 3, B + 3)], byte_ids)
    checks.equal(vocab.get(A + 3), b"a", "bytes of the id that stands for a")
    checks.equal(vocab.get(259), b"ab", "bytes of the first merge, where the bytes end at 258")
    shuffled = [(7 * byte + 5) % 256 for byte in range(256)]
    vocab = bpe.vocabulary([], shuffled)
    checks.equal(vocab.get(shuffled[A]), b"a", "bytes of the id that stands for a, shuffled")


@pytest.mark.exercise("1.2")
def test_encode_piece_by_hand():
    ids, ranks = [A, B, C, D], ranks_of([(B, C), (A, 256)])
    encoded = bpe.encode_piece(ids, ranks)
    checks.equal(ids, [A, B, C, D], "encode_piece leaves its argument as it was")
    checks.equal(ranks, {(B, C): 256, (A, 256): 257}, "encode_piece leaves the ranks as they were")
    checks.equal(encoded, [257, D], "a b c d with the merges (b, c), then (a, bc)")


@pytest.mark.exercise("1.2")
def test_encode_piece_merges_by_rank():
    # (b, c) was learned first, so it goes first, although (a, b) stands before it.
    encoded = bpe.encode_piece([A, B, C], ranks_of([(B, C), (A, B)]))
    checks.equal(encoded, [A, 256], "a b c with the merges (b, c), then (a, b)")


@pytest.mark.exercise("1.2")
def test_encode_piece_prefers_rank_to_length():
    # abc is a token, but (a, b) is made only after (c, d) has taken the c away.
    ranks = ranks_of([(C, D), (A, B), (257, C)])
    checks.equal(bpe.encode_piece([A, B, C, D], ranks), [257, 256], "a b c d, where abc is a token")
    checks.equal(bpe.encode_piece([A, B, C], ranks), [258], "a b c with the same merges")


@pytest.mark.exercise("1.2")
def test_encode_piece_sorts_by_rank_itself():
    ranks = {(A, B): 257, (B, C): 256}
    checks.equal(bpe.encode_piece([A, B, C], ranks), [A, 256], "a b c, later merges listed first")


@pytest.mark.exercise("1.2")
def test_encode_piece_merges_every_occurrence():
    ranks = ranks_of([(A, A), (256, 256)])
    checks.equal(bpe.encode_piece([A] * 7, ranks), [257, 256, A], "seven a with aa and aaaa")
    checks.equal(bpe.encode_piece([A, B, A, B], ranks_of([(A, B)])), [256, 256], "abab with ab")


@pytest.mark.exercise("1.2")
def test_encode_piece_without_merges():
    checks.equal(bpe.encode_piece([], ranks_of([(A, B)])), [], "ids of nothing")
    checks.equal(bpe.encode_piece([A], ranks_of([(A, B)])), [A], "ids of a single a")
    ids = [B, A]
    encoded = bpe.encode_piece(ids, ranks_of([(A, B)]))
    checks.equal(encoded, [B, A], "b a with the merge (a, b)")
    checks.law(encoded is not ids, "encode_piece returns a new list, also where nothing is merged")


def encode_one_by_one(piece, ranks):
    """Merge one occurrence at a time, on byte strings, as tiktoken's educational code does."""
    parts = [bytes([byte]) for byte in piece]
    while True:
        options = [
            (ranks[parts[i] + parts[i + 1]], i)
            for i in range(len(parts) - 1)
            if parts[i] + parts[i + 1] in ranks
        ]
        if not options:
            return [ranks.get(part, part[0]) for part in parts]
        _, i = min(options)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


@pytest.mark.exercise("1.2")
@pytest.mark.parametrize("seed", range(4))
def test_encode_piece_matches_one_merge_at_a_time(seed):
    draw = random.Random(seed)
    merges = train_on_strings("".join(draw.choices("abc ", [4, 3, 2, 1], k=150)), 290)
    spelled = {i: bytes([i]) for i in range(256)}
    for new_id, (left, right) in enumerate(merges, start=256):
        spelled[new_id] = spelled[left] + spelled[right]
    by_bytes = {spelled[i]: i for i in spelled}
    for _ in range(10):
        piece = bytes(draw.choices(b"abc", k=20))
        encoded = bpe.encode_piece(list(piece), ranks_of(merges))
        checks.equal(encoded, encode_one_by_one(piece, by_bytes), f"ids of {piece.decode()}")


@pytest.mark.exercise("1.2")
def test_decode_ids_by_hand():
    vocab = {0: b"Hi", 1: b" ", 2: b"there\n"}
    checks.equal(bpe.decode_ids([0, 1, 2, 1], vocab), "Hi there\n ", "text of four tokens")
    checks.equal(bpe.decode_ids([], vocab), "", "text of no tokens")


@pytest.mark.exercise("1.2")
def test_decode_ids_joins_characters():
    smile = "🙂".encode()  # four bytes
    vocab = {0: smile[:1], 1: smile[1:3], 2: smile[3:], 3: "é".encode()}
    checks.equal(bpe.decode_ids([3, 0, 1, 2], vocab), "é🙂", "text of a character in three tokens")


@pytest.mark.exercise("1.2")
def test_decode_ids_replaces_what_is_no_text():
    vocab = {0: b"a", 1: b"\xff", 2: b"\xe2\x82"}  # never in UTF-8; two bytes of three
    checks.equal(bpe.decode_ids([0, 1, 0], vocab), "a\ufffda", "text of a, the byte FF, and a")
    checks.equal(bpe.decode_ids([2, 0, 2], vocab), "\ufffda\ufffd", "text of half characters")


@pytest.mark.exercise("1.2")
def test_decode_ids_refuses_unknown_ids():
    checks.raises(lambda: bpe.decode_ids([0, 5], {0: b"a"}), ValueError, "text of an unknown id")


# -- the tokenizer that is made of them -------------------------------------------------------

CORPUS = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, "
    "must be in want of a wife.\r\n\r\n  It's 1813; don't ask 1234567 times!  naïve 日本語 🙂\n"
) * 3


@pytest.fixture(scope="module", params=[GPT2_PATTERN, GPT4_PATTERN], ids=["gpt2", "gpt4"])
def tokenizer(request):
    return bpe.BytePairTokenizer.train(CORPUS, 330, request.param)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_round_trip(tokenizer, text):
    checks.equal(tokenizer.decode(tokenizer.encode(text)), text, f"{text!r} there and back")


def test_every_token_encodes_to_itself(tokenizer):
    for i, token in tokenizer.vocab.items():
        if i not in tokenizer.specials.values():
            ids = [tokenizer.byte_ids[byte] for byte in token]
            checks.equal(bpe.encode_piece(ids, tokenizer.ranks), [i], f"ids of the token {token}")


@given(st.lists(st.integers(0, 329), max_size=20))
def test_any_ids_have_a_text(tokenizer, ids):
    data = b"".join(tokenizer.vocab[i] for i in ids)
    checks.equal(tokenizer.decode(ids), data.decode(errors="replace"), f"text of {ids}")


def test_encoding_replays_the_training(tokenizer):
    pieces = [list(piece.encode()) for piece in split(CORPUS, tokenizer.pattern)]
    for new_id, pair in enumerate(tokenizer.merges, start=256):
        pieces = [bpe.merge_pair(ids, pair, new_id) for ids in pieces]
    expected = [i for ids in pieces for i in ids]
    checks.equal(tokenizer.encode(CORPUS), expected, "ids of the text that was trained on")


def test_a_million_times_one_character(tokenizer):
    text = "i" * 1_000_000
    ids = tokenizer.encode(text)
    checks.equal(tokenizer.decode(ids) == text, True, "a million i there and back")


def test_training_leaves_room_for_specials():
    tokenizer = bpe.BytePairTokenizer.train("ab ab", 300, specials=(END, "<|user|>"))
    checks.equal(tokenizer.merges, [(A, B), (ord(" "), 256)], "merges of ab ab")
    checks.equal(tokenizer.specials, {END: 258, "<|user|>": 259}, "specials above bytes and merges")
    checks.equal(tokenizer.vocab_size, 260, "vocab_size where the text had no more pairs")
    checks.equal(bpe.BytePairTokenizer.train("ab ab", 257).vocab_size, 257, "no room for merges")


def test_vocab_size_covers_gaps():
    tokenizer = bpe.BytePairTokenizer([(A, B)], specials={END: 1000})
    checks.equal(tokenizer.vocab_size, 1001, "vocab_size where a special token stands far above")


def test_save_and_load(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    loaded = bpe.BytePairTokenizer.load(path)
    for name in ("merges", "pattern", "specials", "byte_ids", "ranks", "vocab", "vocab_size"):
        checks.equal(getattr(loaded, name) == getattr(tokenizer, name), True, f"{name} is kept")


@pytest.mark.parametrize("content", ["", "[1]", '{"merges": 1}', '{"merges": [], "pattern": "("'])
def test_what_is_no_tokenizer_is_refused(content, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text(content)
    error = checks.raises(lambda: bpe.BytePairTokenizer.load(path), ValueError, "loading nonsense")
    checks.law("\n" not in str(error) and "broken.json" in str(error), "one line names the file")


def test_contradicting_ids_are_refused():
    make = bpe.BytePairTokenizer
    checks.raises(lambda: make([(A, 256)]), ValueError, "a merge of itself", "256")
    checks.raises(lambda: make([(A, B)], specials={END: 256}), ValueError, "a taken id", "256")
    checks.raises(lambda: make([], byte_ids=range(255)), ValueError, "255 bytes", "256")
    checks.raises(lambda: make([], byte_ids=[0] * 256), ValueError, "bytes with one id", "256")
