"""The mistakes of `solution/bpe.py` in another style: encoding and decoding."""

from shared.mistakes import attempt


@attempt("vocabulary_of_characters")
def _(merges, byte_ids=range(256)):
    table = {}
    for byte in range(256):
        table[byte_ids[byte]] = bytes(chr(byte), "utf-8")
    next_id = max(byte_ids)
    for left, right in merges:
        next_id += 1
        table[next_id] = table[left] + table[right]
    return table


@attempt("vocabulary_ignores_byte_ids")
def _(merges, byte_ids=range(256)):
    table = [bytes([byte]) for byte in range(256)]
    for left, right in merges:
        table.append(b"".join(table[i] for i in (left, right) if i < len(table)))
    return dict(enumerate(table))


@attempt("vocabulary_inverts_byte_ids")
def _(merges, byte_ids=range(256)):
    table = {}
    for key in range(256):
        table[key] = (byte_ids[key] % 256).to_bytes(1, "big")
    for k, pair in enumerate(merges):
        table[max(byte_ids) + 1 + k] = b"".join(table.get(i, b"") for i in pair)
    return table


@attempt("vocabulary_right_to_left")
def _(merges, byte_ids=range(256)):
    table = dict(zip(byte_ids, (bytes([byte]) for byte in range(256))))
    for pair in merges:
        table[max(table) + 1] = b"".join(table[i] for i in reversed(pair))
    return table


@attempt("vocabulary_starts_at_256")
def _(merges, byte_ids=range(256)):
    table = {byte_ids[byte]: bytes([byte]) for byte in range(256)}
    for k, (left, right) in enumerate(merges):
        table[256 + k] = table[left] + table[right]
    return table


@attempt("vocabulary_of_two_bytes")
def _(merges, byte_ids=range(256)):
    table = {byte_ids[byte]: bytes([byte]) for byte in range(256)}
    for pair in merges:
        table[max(table) + 1] = bytes(i & 255 for i in pair)
    return table


@attempt("encode_piece_left_to_right")
def _(ids, ranks):
    done = []
    for token in ids:
        done.append(token)
        while len(done) > 1 and (done[-2], done[-1]) in ranks:
            right, left = done.pop(), done.pop()
            done.append(ranks[left, right])
    return done


@attempt("encode_piece_needs_a_pair")
def _(ids, ranks):
    out = list(ids)
    best = min(zip(out, out[1:]), key=lambda p: ranks.get(p, 1 << 60))
    while best in ranks:
        out = merge_pair(out, best, ranks[best])
        best = min(zip(out, out[1:]), key=lambda p: ranks.get(p, 1 << 60))
    return out


@attempt("encode_piece_returns_its_argument")
def _(ids, ranks):
    if len(ids) < 2:
        return ids
    best = min(zip(ids, ids[1:]), key=lambda p: ranks.get(p, 1 << 60))
    if best not in ranks:
        return ids
    return encode_piece(merge_pair(ids, best, ranks[best]), ranks)


@attempt("encode_piece_longest_match")
def _(ids, ranks):
    spelled = {(token,): token for token in ids}
    parts = {}
    for (left, right), token in sorted(ranks.items(), key=lambda item: item[1]):
        parts[token] = parts.get(left, (left,)) + parts.get(right, (right,))
        spelled[parts[token]] = token
    rest, out = tuple(ids), []
    while rest:
        size = max(n for n in range(1, len(rest) + 1) if rest[:n] in spelled)
        out.append(spelled[rest[:size]])
        rest = rest[size:]
    return out


@attempt("encode_piece_in_mapping_order")
def _(ids, ranks):
    tokens = ids[:]
    for pair in ranks:
        tokens = merge_pair(tokens, pair, ranks[pair])
    return tokens


@attempt("encode_piece_highest_rank")
def _(ids, ranks):
    tokens = list(ids)
    while True:
        found = [pair for pair in zip(tokens, tokens[1:]) if pair in ranks]
        if not found:
            return tokens
        found.sort(key=lambda pair: ranks[pair], reverse=True)
        tokens = merge_pair(tokens, found[0], ranks[found[0]])


@attempt("encode_piece_merges_once")
def _(ids, ranks):
    found = [(ranks[pair], pair) for pair in zip(ids, ids[1:]) if pair in ranks]
    if not found:
        return list(ids)
    rank, pair = min(found)
    return merge_pair(ids, pair, rank)


@attempt("encode_piece_old_pairs_only")
def _(ids, ranks):
    tokens = list(ids)
    found = {(ranks[pair], pair) for pair in zip(ids, ids[1:]) if pair in ranks}
    for rank, pair in sorted(found):
        tokens = merge_pair(tokens, pair, rank)
    return tokens


@attempt("encode_piece_by_count")
def _(ids, ranks):
    tokens = list(ids)
    while True:
        table = {p: n for p, n in pair_counts([tokens]).items() if p in ranks}
        if not table:
            break
        best = max(table, key=table.get)
        tokens = merge_pair(tokens, best, ranks[best])
    return tokens


@attempt("encode_piece_in_place")
def _(ids, ranks):
    while len(ids) > 1:
        best = min(zip(ids, ids[1:]), key=lambda pair: ranks.get(pair, float("inf")))
        if best not in ranks:
            break
        k = 0
        while k < len(ids) - 1:
            if (ids[k], ids[k + 1]) == best:
                ids[k : k + 2] = [ranks[best]]
            k += 1
    return ids


@attempt("decode_ids_token_by_token")
def _(ids, vocab):
    if any(i not in vocab for i in ids):
        raise ValueError("unknown id")
    text = ""
    for i in ids:
        text += str(vocab[i], "utf-8", "replace")
    return text


@attempt("decode_ids_strict")
def _(ids, vocab):
    if any(i not in vocab for i in ids):
        raise ValueError("unknown id")
    data = b""
    for i in ids:
        data += vocab[i]
    return data.decode()


@attempt("decode_ids_ignores")
def _(ids, vocab):
    if any(i not in vocab for i in ids):
        raise ValueError("unknown id")
    data = b"".join([vocab[i] for i in ids])
    return str(data, "utf-8", "ignore")


@attempt("decode_ids_as_latin_1")
def _(ids, vocab):
    if any(i not in vocab for i in ids):
        raise ValueError("unknown id")
    return "".join(chr(byte) for i in ids for byte in vocab[i])


@attempt("decode_ids_with_spaces")
def _(ids, vocab):
    if any(i not in vocab for i in ids):
        raise ValueError("unknown id")
    data = bytearray()
    for k, i in enumerate(ids):
        data += (b" " if k else b"") + vocab[i]
    return data.decode(errors="replace")
