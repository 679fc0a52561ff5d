"""How fast text becomes ids here, and with `tokenizers` and `tiktoken`, each in one thread.

Shakespeare's plays (1.1 MB) and the interpreter's own source (10 MB), each as one string, with
GPT-2's vocabulary ($COURSE_DATA/gpt2; without it, 8192 tokens learned from the source). "Cold" is
a new tokenizer that has met no piece yet. All must give the same ids.
Run `make phase1-bench`, or `python -m phase1_transformers.project.bench_bpe_encode`.
"""

import os
from collections.abc import Callable
from pathlib import Path

from phase1_transformers.project import bpe_peers, formats
from phase1_transformers.project.bpe_texts import Corpus, corpora
from phase1_transformers.solution import bpe, bpe_fast
from phase1_transformers.solution.splitting import GPT2_PATTERN
from shared.bench import Contender, Row, interleave

LEARNED = 8192  # tokens, where GPT-2's are missing


def rows() -> list[Row]:
    """Measure both texts cold, and the shorter one warm."""
    plays, source = corpora()
    tokenizer = gpt2_tokenizer(source)
    return [
        *encoding_rows(plays, tokenizer, cold=True),
        *encoding_rows(source, tokenizer, cold=True),
        *encoding_rows(plays, tokenizer, cold=False),
    ]


def gpt2_tokenizer(corpus: Corpus) -> bpe.BytePairTokenizer:
    """Read GPT-2's vocabulary, or learn one of 8192 tokens where there is none."""
    folder = Path(os.environ.get("COURSE_DATA", "")) / "gpt2"
    if (folder / "vocab.json").is_file():
        return formats.load_gpt2(folder)
    return bpe_fast.FastBytePairTokenizer.train(corpus.texts, LEARNED, GPT2_PATTERN)


class Encoder:
    """An encoder that can be made anew, so that it has met no text yet."""

    def __init__(self, make: Callable[[], Callable[[str], object]], text: str):
        self.make, self.text = make, text
        self.renew()

    def renew(self) -> None:
        """Forget everything."""
        self.encode = self.make()

    def run(self) -> object:
        """Encode the text."""
        return self.encode(self.text)


def encoding_rows(corpus: Corpus, tokenizer: bpe.BytePairTokenizer, cold: bool) -> list[Row]:
    """Compare encoders, each on one string that holds the whole corpus, and their ids.

    Raises:
        ValueError: if they disagree.
    """
    text = "".join(corpus.texts)
    encoders = {
        "ours": Encoder(lambda: bpe_fast.FastBytePairTokenizer.like(tokenizer).encode, text),
        "tokenizers": Encoder(lambda: bpe_peers.as_tokenizers(tokenizer).encode, text),
        "tiktoken": Encoder(lambda: bpe_peers.as_tiktoken(tokenizer).encode_ordinary, text),
    }
    ids = encoders["ours"].run()
    if not ids == encoders["tokenizers"].run().ids == encoders["tiktoken"].run():
        raise ValueError(f"the encoders disagree on {corpus.what}")
    contenders = [
        Contender(name, encoder.run, encoder.renew if cold else None)
        for name, encoder in encoders.items()
    ]
    times = interleave(contenders, turns=corpus.turns, warmup=0)
    rates = {name: corpus.megabytes / timing.median for name, timing in times.items()}
    state = "cold" if cold else "warm"
    return [
        Row.compare(
            f"1-bpe-encode-{corpus.name}-{state}-{peer}",
            f"BPE encoding, {corpus.what}, {len(tokenizer.vocab):,} tokens, {state}",
            "MB/s",
            rates["ours"],
            peer,
            rates[peer],
            higher_is_better=True,
            goal=goal,
            runs=corpus.turns,
        )
        for peer, goal in (("tokenizers", 3.0), ("tiktoken", None))
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
