import os
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.project import dense_attention
from phase4_production.project.checkpoint import CheckpointError
from phase4_production.project.decoder import Decoder
from phase4_production.project.tokenizing import Tokenizer
from shared.checks import close

C, F, LAYERS, H, H_KV, V, T = 24, 40, 2, 6, 2, 274, 32
D = C // H
WORDS = ["ab", " a", "abc", " ab", "bc", "c ", "a ", "ü", "bab", " b", "abab", *" abc"]


def arrays(tied=True):
    """Draw a model in the order in which llama2.c's `memory_map_weights` walks through a file."""
    shapes = {
        "token_embedding": (V, C),
        "rms_att": (LAYERS, C),
        "wq": (LAYERS, H * D, C),
        "wk": (LAYERS, H_KV * D, C),
        "wv": (LAYERS, H_KV * D, C),
        "wo": (LAYERS, C, H * D),
        "rms_ffn": (LAYERS, C),
        "w1": (LAYERS, F, C),
        "w2": (LAYERS, C, F),
        "w3": (LAYERS, F, C),
        "rms_final": (C,),
        "freq_cis": (2, T, D // 2),
    } | ({} if tied else {"wcls": (V, C)})
    rng = np.random.default_rng(0)
    found = {name: 0.3 * rng.standard_normal(shape) for name, shape in shapes.items()}
    return {name: array.astype("<f4") for name, array in found.items()}


def write_folder(folder, tied=True):
    header = struct.pack("<7i", C, F, LAYERS, H, H_KV, V if tied else -V, T)
    content = header + b"".join(array.tobytes() for array in arrays(tied).values())
    (folder / "stories.bin").write_bytes(content)
    pieces = [b"<unk>", b"\n<s>\n", b"\n</s>\n", *(b"<0x%02X>" % byte for byte in range(256))]
    scores = [0.0] * len(pieces) + [-float(i) for i in range(len(WORDS))]
    pieces += [word.encode() for word in WORDS]
    scored = zip(scores, pieces, strict=True)
    entries = b"".join(struct.pack("<fi", score, len(piece)) + piece for score, piece in scored)
    (folder / "tok.bin").write_bytes(struct.pack("<i", max(map(len, pieces))) + entries)
    return folder


# -- weights --------------------------------------------------------------------------------------


def turn(x, position):
    """Rotate neighbours, as llama2.c's `forward` does."""
    angles = position * 10_000.0 ** (-np.arange(0, D, 2) / D)
    a, b = x[..., 0::2], x[..., 1::2]
    found = np.empty_like(x)
    found[..., 0::2] = a * np.cos(angles) - b * np.sin(angles)
    found[..., 1::2] = a * np.sin(angles) + b * np.cos(angles)
    return found


def norm(x, weight):
    return x / np.sqrt((x * x).mean() + 1e-5) * weight


def told(w, ids):
    """llama2.c's `forward`, token after token and head after head, in float64."""
    w = {name: array.astype(np.float64) for name, array in w.items()}
    past, logits = [[] for _ in range(LAYERS)], []
    for position, token in enumerate(ids):
        x = w["token_embedding"][token]
        for i in range(LAYERS):
            y = norm(x, w["rms_att"][i])
            q = turn((w["wq"][i] @ y).reshape(H, D), position)
            k = turn((w["wk"][i] @ y).reshape(H_KV, D), position)
            past[i].append((k, (w["wv"][i] @ y).reshape(H_KV, D)))
            keys, values = (np.stack(each) for each in zip(*past[i], strict=True))
            heads = []
            for h in range(H):
                scores = keys[:, h // (H // H_KV)] @ q[h] / np.sqrt(D)
                weights = np.exp(scores - scores.max())
                heads.append(weights / weights.sum() @ values[:, h // (H // H_KV)])
            x = x + w["wo"][i] @ np.concatenate(heads)
            y = norm(x, w["rms_ffn"][i])
            gate = w["w1"][i] @ y
            x = x + w["w2"][i] @ (gate / (1 + np.exp(-gate)) * (w["w3"][i] @ y))
        logits.append(w.get("wcls", w["token_embedding"]) @ norm(x, w["rms_final"]))
    return torch.from_numpy(np.stack(logits))


@pytest.mark.parametrize("tied", [True, False])
@torch.inference_mode()
def test_logits_are_those_of_its_own_program(tmp_path, tied):
    decoder = Decoder.load(write_folder(tmp_path, tied))
    assert decoder.architecture.tied == tied
    ids = [1, 5, 266, 40, 5, 99, 269, 7, 7, 7, 259, 200]
    found = decoder.logits(dense_attention.hidden(decoder, torch.tensor([ids]))[0])
    close(found.double(), told(arrays(tied), ids), "logits", rtol=1e-4, atol=1e-5)


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    write_folder(tmp_path)
    path = tmp_path / "stories.bin"
    whole = path.read_bytes()
    for content, message in (
        (whole[:20], "cut short"),
        (whole[:-4], "cut short or another model's"),
        (whole + b"....", "cut short or another model's"),
        (b"GGUF" + bytes(60), "no story model"),
    ):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=message) as error:
            Decoder.load(tmp_path)
        assert "\n" not in str(error.value)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    write_folder(tmp_path)
    path = tmp_path / "tok.bin"
    whole = path.read_bytes()
    for content, message in ((whole[:-1], "cut short"), (whole[:4], "0 tokens, and the model 274")):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=message):
            Tokenizer.load(tmp_path, V)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"0 files tok\*\.bin"):
        Tokenizer.load(tmp_path, V)


# -- tokenizer ------------------------------------------------------------------------------------


def encoded(text):
    """llama2.c's `encode`: while there is one, merge the pair whose token has the best score."""
    rank = {word: i for i, word in enumerate(WORDS)}
    parts = list(" " + text)
    while True:
        pairs = [(rank[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in rank]
        if not pairs:
            break
        _, i = min(pairs)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    ids = [1]
    for part in parts:
        ids += [259 + rank[part]] if part in rank else [3 + byte for byte in part.encode()]
    return ids


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return Tokenizer.load(write_folder(tmp_path_factory.mktemp("stories")), V)


@settings(deadline=None, max_examples=100)
@given(text=st.text(st.sampled_from("abc üñ\n🌍"), min_size=1, max_size=12))
def test_text_is_cut_as_its_own_program_does(tokenizer, text):
    ids = tokenizer.encode(text)
    assert ids == encoded(text)
    assert tokenizer.decode(ids) == " " + text  # the space that it puts before every text


# -- the published model --------------------------------------------------------------------------

PUBLISHED = Path(os.environ.get("COURSE_DATA", "no data")) / "weights"
STORY = (  # the expected output in llama2.c's own test, temperature 0
    " Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\n"
    "Lily's mom said, \"Lily, let's go to the park.\""
)


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="COURSE_DATA has no published weights")
@torch.inference_mode()
def test_the_published_model_tells_its_story():
    decoder = Decoder.load(PUBLISHED)
    tokenizer = Tokenizer.load(PUBLISHED, decoder.architecture.vocab_size)
    ids = tokenizer.encode("")
    while len(tokenizer.decode(ids)) < len(STORY):
        hidden = dense_attention.hidden(decoder, torch.tensor([ids]))
        ids.append(int(decoder.logits(hidden[0, -1:]).argmax()))
    assert tokenizer.decode(ids) == STORY
