"""Tokenizers on disk: Hugging Face's `tokenizer.json` both ways, and GPT-2's two files.

The `tokenizers` library writes and reads `tokenizer.json`, so `transformers.AutoTokenizer` opens
what this writes, and gives the same ids. One difference stays: it takes the names of special
tokens in a text for those tokens, as `encode(text, allowed_special=True)` does here.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers

from phase1_transformers.solution.bpe import N_BYTES, BytePairTokenizer
from phase1_transformers.solution.bpe_fast import FastBytePairTokenizer
from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.splitting import GPT2_PATTERN, split
from phase1_transformers.solution.tokenizer import END, Tokenizer
from phase1_transformers.solution.unigram import UnigramTokenizer
from shared.files import write_text

EACH_CHARACTER = r"[\s\S]"
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(N_BYTES)]  # SentencePiece's names


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, which `AutoTokenizer` opens.

    Raises:
        ValueError: if the format cannot express the tokenizer.
    """
    for kind, build in BUILDERS.items():
        if isinstance(tokenizer, kind):
            built = build(tokenizer)
            break
    else:
        raise ValueError(f"there is no format for a {type(tokenizer).__name__}")
    _add_specials(built, tokenizer.specials)
    write_text(folder / "tokenizer.json", built.to_str(pretty=True))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    if END in tokenizer.specials:
        config |= {"bos_token": END, "eos_token": END}
    write_text(folder / "tokenizer_config.json", json.dumps(config, indent=2))


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer of a folder: `tokenizer.json`, or GPT-2's `vocab.json` and `merges.txt`.

    What a post-processor would put around a text is left out, since `encode` adds nothing.

    Raises:
        ValueError: if there is none, or it is of a kind that this phase does not have.
    """
    path = folder / "tokenizer.json"
    if not path.exists():
        if (folder / "vocab.json").exists():
            return load_gpt2(folder)
        raise ValueError(f"{folder} has no tokenizer.json, nor vocab.json and merges.txt")
    try:  # the library checks the file, and brings older versions of the format up to date
        state = json.loads(tokenizers.Tokenizer.from_file(str(path)).to_str())
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{path} is no tokenizer.json: {error}") from None
    kind = state["model"]["type"]
    try:
        _require(kind in READERS, f"{kind} is none of {', '.join(READERS)}")
        _require(state["normalizer"] is None, "it changes the text before it cuts it")
        specials = {token["content"]: token["id"] for token in state["added_tokens"]}
        return READERS[kind](state, specials)
    except ValueError as error:
        raise ValueError(f"cannot use {path}: {error}") from None


def load_gpt2(folder: Path) -> FastBytePairTokenizer:
    """Read `vocab.json` and `merges.txt`, in which GPT-2's tokenizer was published.

    What the vocabulary holds besides bytes and merges is special.

    Raises:
        ValueError: if a file is missing, or the two do not belong together.
    """
    paths = [folder / "vocab.json", folder / "merges.txt"]
    for path in paths:
        if not path.is_file():
            raise ValueError(f"{path} is missing; GPT-2's tokenizer is vocab.json and merges.txt")
    try:
        vocab, merges = models.BPE.read_file(*map(str, paths))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{folder} does not hold GPT-2's tokenizer: {error}") from None
    made = {*byte_characters(), *(left + right for left, right in merges)}
    specials = {token: i for token, i in vocab.items() if token not in made}
    try:
        return _byte_pair(vocab, merges, GPT2_PATTERN, specials)
    except ValueError as error:
        raise ValueError(f"cannot use {paths[0]}: {error}") from None


def byte_characters() -> list[str]:
    """Return the character by which GPT-2's files write each byte.

    A byte that is a visible Latin-1 character stands for itself. The other 68, such as the space
    and the line end, take the characters from U+0100 on: the space is "Ġ".
    """
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    visible += range(ord("®"), ord("ÿ") + 1)
    others = [byte for byte in range(N_BYTES) if byte not in visible]
    codes = {byte: byte for byte in visible}
    codes |= {byte: N_BYTES + i for i, byte in enumerate(others)}
    return [chr(codes[byte]) for byte in range(N_BYTES)]


# -- writing: ours to the library's -----------------------------------------------------------


def _build_characters(tokenizer: CharTokenizer) -> tokenizers.Tokenizer:
    vocab = _with_specials(tokenizer.ids, tokenizer.specials)
    built = tokenizers.Tokenizer(models.WordLevel(vocab))
    built.pre_tokenizer = pre_tokenizers.Split(Regex(EACH_CHARACTER), "isolated")
    built.decoder = decoders.Fuse()
    return built


def _build_byte_pair(tokenizer: BytePairTokenizer) -> tokenizers.Tokenizer:
    characters = byte_characters()
    specials = set(tokenizer.specials.values())
    names = {
        i: "".join(characters[byte] for byte in token)
        for i, token in tokenizer.vocab.items()
        if i not in specials
    }
    vocab = _with_specials({name: i for i, name in names.items()}, tokenizer.specials)
    merges = [(names[left], names[right]) for left, right in tokenizer.merges]
    built = tokenizers.Tokenizer(models.BPE(vocab, merges))
    pieces = pre_tokenizers.Split(Regex(tokenizer.pattern), "isolated")
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    built.pre_tokenizer = pre_tokenizers.Sequence([pieces, as_bytes])
    built.decoder = decoders.ByteLevel()
    return built


def _build_unigram(tokenizer: UnigramTokenizer) -> tokenizers.Tokenizer:
    """Build the library's unigram model, in which bytes are pieces with names such as <0x80>."""
    if split(BYTE_TOKENS[0], tokenizer.pattern) == BYTE_TOKENS[:1]:
        raise ValueError("the pattern must cut '<0x00>', or that text would be taken for a byte")
    given = {p: score for p, score in tokenizer.log_probs.items() if score > tokenizer.unknown}
    # The library, too, lets an unknown character cost 10 nats more than the worst piece.
    vocab = [(name, min(given.values(), default=0.0)) for name in BYTE_TOKENS]
    vocab += [("", 0.0)] * (len(tokenizer.ids) - N_BYTES // 2)
    for piece, score in given.items():
        vocab[tokenizer.ids[piece]] = piece, score
    # The library fuses neighbours that have unk_id, so it must be one that no text has.
    built = tokenizers.Tokenizer(models.Unigram(vocab, unk_id=N_BYTES - 1, byte_fallback=True))
    built.pre_tokenizer = pre_tokenizers.Split(Regex(tokenizer.pattern), "isolated")
    built.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return built


def _with_specials(vocab: Mapping[str, int], specials: Mapping[str, int]) -> dict[str, int]:
    if clash := vocab.keys() & specials.keys():
        raise ValueError(f"{min(clash)!r} is the name of a special token and of another one")
    return {**vocab, **specials}


def _add_specials(built: tokenizers.Tokenizer, specials: Mapping[str, int]) -> None:
    for name in sorted(specials, key=specials.__getitem__):
        built.add_special_tokens([AddedToken(name, special=True, normalized=False)])
        if built.token_to_id(name) != specials[name]:
            raise ValueError(f"tokenizer.json cannot give {name!r} the id {specials[name]}")


BUILDERS = {
    CharTokenizer: _build_characters,
    BytePairTokenizer: _build_byte_pair,
    UnigramTokenizer: _build_unigram,
}


# -- reading: the library's to ours -----------------------------------------------------------


def _read_characters(state: dict, specials: dict[str, int]) -> CharTokenizer:
    pattern = _pattern(state["pre_tokenizer"])
    _require(pattern == EACH_CHARACTER, "it has words that are no single characters")
    ids = {token: i for token, i in state["model"]["vocab"].items() if token not in specials}
    characters = sorted(ids, key=ids.__getitem__)
    tokenizer = CharTokenizer(characters, specials)
    _require(tokenizer.ids == ids, "the characters' ids must be 0, 1, 2 and so on")
    return tokenizer


def _read_byte_pair(state: dict, specials: dict[str, int]) -> FastBytePairTokenizer:
    model = state["model"]
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"):
        _require(not model[option], f"{option}={model[option]} is not known here")
    merges = [(left, right) for left, right in model["merges"]]
    return _byte_pair(model["vocab"], merges, _byte_level_pattern(state), specials)


def _read_unigram(state: dict, specials: dict[str, int]) -> UnigramTokenizer:
    names = [name for name, _ in state["model"]["vocab"]]
    log_probs = {name: p for name, p in state["model"]["vocab"] if name not in BYTE_TOKENS}
    tokenizer = UnigramTokenizer(log_probs, _pattern(state["pre_tokenizer"]), specials)
    ids = {piece: i for piece, i in tokenizer.ids.items() if piece in log_probs}
    found = {name: i for i, name in enumerate(names) if name in log_probs}
    _require(ids == found, "its pieces are not ordered as this phase orders them")
    return tokenizer


def _byte_pair(
    vocab: Mapping[str, int],
    merges: Sequence[tuple[str, str]],
    pattern: str,
    specials: Mapping[str, int],
) -> FastBytePairTokenizer:
    """Turn the names of tokens into ids, and check that the ids are those of the merges."""
    missing = [name for name in byte_characters() if name not in vocab]
    _require(not missing, f"{len(missing)} bytes have no token")
    byte_ids = [vocab[name] for name in byte_characters()]
    for new_id, (left, right) in enumerate(merges, start=max(byte_ids) + 1):
        _require(
            vocab.get(left + right) == new_id,
            f"the merge of {left!r} and {right!r} makes {vocab.get(left + right)}, not {new_id}",
        )
    made = N_BYTES + len(merges) + len(specials.keys() & vocab.keys())
    _require(
        made == len(vocab), f"{len(vocab) - made} tokens are neither bytes, merges nor specials"
    )
    pairs = [(vocab[left], vocab[right]) for left, right in merges]
    return FastBytePairTokenizer(pairs, pattern, specials, byte_ids)


def _byte_level_pattern(state: dict) -> str:
    """Return the pattern of a pre-tokenizer that ends with bytes: GPT-2's is built in there."""
    steps = state["pre_tokenizer"] or {}
    *first, last = steps.get("pretokenizers", [steps])
    known = last.get("type") == "ByteLevel" and not last["add_prefix_space"]
    if known and last["use_regex"] and not first:
        return GPT2_PATTERN
    _require(known and not last["use_regex"] and len(first) == 1, "its pre-tokens are not known")
    return _pattern(first[0])


def _pattern(step: dict | None) -> str:
    """Return the pattern of a pre-tokenizer that cuts as `splitting.split` does."""
    isolated = {"type": "Split", "behavior": "Isolated", "invert": False}
    _require(step is not None and isolated.items() <= step.items(), "its pre-tokens are not known")
    _require("Regex" in step["pattern"], "its pre-tokens are not known")
    return step["pattern"]["Regex"]


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


READERS = {"BPE": _read_byte_pair, "Unigram": _read_unigram, "WordLevel": _read_characters}
