import json
import math

import pytest

from phase1_transformers.tests.test_unigram_train import TEXT
from shared import checks

pytest.importorskip("sentencepiece", reason="one of the tokenizers is SentencePiece")

from phase1_transformers.project import swap


def test_program(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text(TEXT * 4, encoding="utf-8")
    config = swap.Config(
        data=str(text),
        vocab_size=320,
        n_bytes=4000,
        block_size=8,
        batch_size=4,
        n_layer=1,
        n_head=2,
        n_embd=8,
    )
    swap.main(config, root=tmp_path)
    folder = tmp_path / "phase1" / "swap"
    results = json.loads((folder / "results.json").read_text())["tokenizers"]
    checks.equal([r["name"] for r in results], list(swap.TOKENIZERS), "tokenizers compared")
    for r in results:
        read = r["steps"] * 4 * 8 * r["bytes_per_token"]
        checks.close(read, 4000.0, f"bytes read, {r['name']}", rtol=0.05)
        # nats per token, over bytes per token, in bits; the validation text is of the same kind.
        bits = r["val_loss"] / math.log(2) / r["bytes_per_token"]
        checks.close(r["bits_per_byte"], bits, f"bits per byte, {r['name']}", rtol=0.1)
    by_name = {r["name"]: r for r in results}
    checks.equal(by_name["char"]["bytes_per_token"], 1.0, "bytes per character of ASCII")
    checks.at_least(by_name["unigram"]["bytes_per_token"], 2.0, "bytes per token, unigram")
    wider = (320 - by_name["char"]["vocab_size"]) * 8  # rows of the embedding, tied to the head
    n_more = by_name["bpe"]["n_parameters"] - by_name["char"]["n_parameters"]
    checks.equal(n_more, wider, "parameters of bpe's model above char's")
    checks.law((folder / "swap.png").stat().st_size > 1000, "there is a figure")
    checks.law("bits per byte" in capsys.readouterr().out, "there is a table")


def test_wrong_settings():
    checks.raises(lambda: swap.Config(n_bytes=0), ValueError, "nothing to read", match="n_bytes")
