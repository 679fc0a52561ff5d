"""Classic wrong answers for `solution/bpe.py`: encoding and decoding."""

from collections import Counter
from itertools import pairwise
from shared.mistakes import mistake


@mistake(
    "1.2",
    "bpe.vocabulary",
    "chr(i).encode() gives two bytes from 128 on: a token of the base is one byte, bytes([i]).",
)
def vocabulary_of_characters(merges, byte_ids=range(256)):
    vocab = {byte_id: chr(byte).encode() for byte, byte_id in enumerate(byte_ids)}
    for new_id, (left, right) in enumerate(merges, start=max(byte_ids) + 1):
        vocab[new_id] = vocab[left] + vocab[right]
    return vocab


@mistake(
    "1.2",
    "bpe.vocabulary",
    "byte_ids is not looked at: the id of byte b is byte_ids[b], which need not be b.",
)
def vocabulary_ignores_byte_ids(merges, byte_ids=range(256)):
    vocab = {byte: bytes([byte]) for byte in range(256)}
    for new_id, (left, right) in enumerate(merges, start=256):
        vocab[new_id] = vocab.get(left, b"") + vocab.get(right, b"")
    return vocab


@mistake(
    "1.2",
    "bpe.vocabulary",
    "byte_ids is read backwards: its index is the byte and its value the id.",
)
def vocabulary_inverts_byte_ids(merges, byte_ids=range(256)):
    vocab = {byte: bytes([byte_id % 256]) for byte, byte_id in enumerate(byte_ids)}
    for new_id, (left, right) in enumerate(merges, start=max(byte_ids) + 1):
        vocab[new_id] = vocab.get(left, b"") + vocab.get(right, b"")
    return vocab


@mistake(
    "1.2",
    "bpe.vocabulary",
    "The two halves are joined the wrong way round: the left one comes first.",
)
def vocabulary_right_to_left(merges, byte_ids=range(256)):
    vocab = {byte_id: bytes([byte]) for byte, byte_id in enumerate(byte_ids)}
    for new_id, (left, right) in enumerate(merges, start=max(byte_ids) + 1):
        vocab[new_id] = vocab[right] + vocab[left]
    return vocab


@mistake(
    "1.2",
    "bpe.vocabulary",
    "Merges always start at 256; they follow the highest id of a byte.",
)
def vocabulary_starts_at_256(merges, byte_ids=range(256)):
    vocab = {byte_id: bytes([byte]) for byte, byte_id in enumerate(byte_ids)}
    for new_id, (left, right) in enumerate(merges, start=256):
        vocab[new_id] = vocab[left] + vocab[right]
    return vocab


@mistake(
    "1.2",
    "bpe.vocabulary",
    "A merge's halves are taken for bytes; they may be merges themselves, so look them up.",
)
def vocabulary_of_two_bytes(merges, byte_ids=range(256)):
    vocab = {byte_id: bytes([byte]) for byte, byte_id in enumerate(byte_ids)}
    for new_id, (left, right) in enumerate(merges, start=max(byte_ids) + 1):
        vocab[new_id] = bytes([left % 256, right % 256])
    return vocab


@mistake(
    "1.2",
    "bpe.encode_piece",
    "It merges from left to right, whatever fits; the pair that was learned first goes first, wherever it stands.",
)
def encode_piece_left_to_right(ids, ranks):
    ids, i = list(ids), 0
    while i < len(ids) - 1:
        pair = ids[i], ids[i + 1]
        if pair in ranks:
            ids[i : i + 2] = [ranks[pair]]
            i = max(i - 1, 0)
        else:
            i += 1
    return ids


@mistake(
    "1.2",
    "bpe.encode_piece",
    "When one id is left there is no pair, and min has nothing to choose from and raises: stop before.",
)
def encode_piece_needs_a_pair(ids, ranks):
    ids = list(ids)
    while True:
        pair = min(pairwise(ids), key=lambda pair: ranks.get(pair, float("inf")))
        if pair not in ranks:
            return ids
        ids = merge_pair(ids, pair, ranks[pair])


@mistake(
    "1.2",
    "bpe.encode_piece",
    "Where nothing is merged, the caller's own list comes back; whoever extends it changes both. Start from a copy.",
)
def encode_piece_returns_its_argument(ids, ranks):
    while pairs := [pair for pair in pairwise(ids) if pair in ranks]:
        pair = min(pairs, key=ranks.get)
        ids = merge_pair(ids, pair, ranks[pair])
    return ids


@mistake(
    "1.2",
    "bpe.encode_piece",
    "It takes the longest token that fits at each place; BPE replays the merges in the order of their ranks.",
)
def encode_piece_longest_match(ids, ranks):
    made = {new_id: pair for pair, new_id in ranks.items()}

    def spell(i):
        return spell(made[i][0]) + spell(made[i][1]) if i in made else [i]

    tokens = sorted(((spell(i), i) for i in made), key=lambda t: -len(t[0]))
    out, start = [], 0
    while start < len(ids):
        for spelled, token in tokens:
            if list(ids[start : start + len(spelled)]) == spelled:
                break
        else:
            spelled, token = [ids[start]], ids[start]
        out.append(token)
        start += len(spelled)
    return out


@mistake(
    "1.2",
    "bpe.encode_piece",
    "The merges are applied in the order in which the mapping lists them; their rank is the id.",
)
def encode_piece_in_mapping_order(ids, ranks):
    ids = list(ids)
    for pair, new_id in ranks.items():
        ids = merge_pair(ids, pair, new_id)
    return ids


@mistake(
    "1.2",
    "bpe.encode_piece",
    "The pair of the highest rank goes first; a smaller id was learned earlier and goes before.",
)
def encode_piece_highest_rank(ids, ranks):
    ids = list(ids)
    while pairs := ranks.keys() & pairwise(ids):
        pair = max(pairs, key=ranks.get)
        ids = merge_pair(ids, pair, ranks[pair])
    return ids


@mistake(
    "1.2",
    "bpe.encode_piece",
    "Only one merge is made; what it gives can be merged again, so repeat until nothing is left.",
)
def encode_piece_merges_once(ids, ranks):
    ids = list(ids)
    pairs = ranks.keys() & pairwise(ids)
    if pairs:
        pair = min(pairs, key=ranks.get)
        ids = merge_pair(ids, pair, ranks[pair])
    return ids


@mistake(
    "1.2",
    "bpe.encode_piece",
    "The pairs are collected once, at the start; a merge makes pairs that were not there before.",
)
def encode_piece_old_pairs_only(ids, ranks):
    ids = list(ids)
    for pair in sorted(ranks.keys() & pairwise(ids), key=ranks.get):
        ids = merge_pair(ids, pair, ranks[pair])
    return ids


@mistake(
    "1.2",
    "bpe.encode_piece",
    "The pair that occurs most often goes first; counts matter in training, ranks in encoding.",
)
def encode_piece_by_count(ids, ranks):
    ids = list(ids)
    while True:
        counts = Counter(pair for pair in pairwise(ids) if pair in ranks)
        if not counts:
            return ids
        pair = counts.most_common(1)[0][0]
        ids = merge_pair(ids, pair, ranks[pair])


@mistake(
    "1.2",
    "bpe.encode_piece",
    "The caller's list is changed: work on a copy.",
)
def encode_piece_in_place(ids, ranks):
    while pairs := ranks.keys() & pairwise(ids):
        pair = min(pairs, key=ranks.get)
        ids[:] = merge_pair(ids, pair, ranks[pair])
    return ids


@mistake(
    "1.2",
    "bpe.decode_ids",
    "Each token is decoded by itself, but a character may be spread over several: join the bytes first.",
)
def decode_ids_token_by_token(ids, vocab):
    if unknown := [i for i in ids if i not in vocab]:
        raise ValueError(f"no token has the id {unknown[0]}")
    return "".join(vocab[i].decode("utf-8", errors="replace") for i in ids)


@mistake(
    "1.2",
    "bpe.decode_ids",
    "Bytes that are no UTF-8 raise an exception; a model samples such ids, so replace them by U+FFFD.",
)
def decode_ids_strict(ids, vocab):
    if unknown := [i for i in ids if i not in vocab]:
        raise ValueError(f"no token has the id {unknown[0]}")
    return b"".join(vocab[i] for i in ids).decode("utf-8")


@mistake(
    "1.2",
    "bpe.decode_ids",
    "Bytes that are no UTF-8 vanish without a trace; U+FFFD shows that something was there.",
)
def decode_ids_ignores(ids, vocab):
    if unknown := [i for i in ids if i not in vocab]:
        raise ValueError(f"no token has the id {unknown[0]}")
    return b"".join(vocab[i] for i in ids).decode("utf-8", errors="ignore")


@mistake(
    "1.2",
    "bpe.decode_ids",
    "Every byte becomes a character of its own (Latin-1); text is UTF-8, up to four bytes a character.",
)
def decode_ids_as_latin_1(ids, vocab):
    if unknown := [i for i in ids if i not in vocab]:
        raise ValueError(f"no token has the id {unknown[0]}")
    return b"".join(vocab[i] for i in ids).decode("latin-1")


@mistake(
    "1.2",
    "bpe.decode_ids",
    "Tokens are joined by spaces; a space is a byte in a token like any other.",
)
def decode_ids_with_spaces(ids, vocab):
    if unknown := [i for i in ids if i not in vocab]:
        raise ValueError(f"no token has the id {unknown[0]}")
    return b" ".join(vocab[i] for i in ids).decode("utf-8", errors="replace")
