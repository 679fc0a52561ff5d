"""How near decoding comes to the memory of a GPU, and how many answers it writes at once.

Two questions:

- One answer at a time, with random weights in the shape of Llama 3 8B: all weights are read for
  each token, so bytes a second are the measure, and the rate at which a long sum reads memory is
  the limit. In bfloat16, and in eight and four bits where PyTorch has products for them here.
- 256 requests, each with a prompt of 64 tokens and an answer of 128, with weights in the shape of
  Llama 3.2 1B, beside `generate` of transformers: one after the other, which is what serving with
  it means, and all in one batch, which only a bench can have, since people do not ask in unison.

Both are the whole engine, with steps recorded as CUDA graphs. Run `make gpu-check`, or `python -m
phase4_production.project.bench_gpu_decode` for these rows alone. Without a GPU there are none.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from phase4_production.project import checkpoint, gpu_linears
from phase4_production.project.architecture import Architecture, Rope
from phase4_production.project.bench_decode import NoText, weight_bytes
from phase4_production.project.decoder import Decoder
from phase4_production.project.engine import Engine, Request
from phase4_production.project.engine_config import EngineConfig
from phase4_production.project.graphs import GraphedRunner
from phase4_production.project.peers import Generate, Prompts
from phase4_production.project.runner import Runner
from phase4_production.solution.sampling_params import SamplingParams
from shared.bench import Contender, Row, interleave

PROMPT, NEW, REQUESTS = 64, 128, 256
BLOCK = 16
TURNS = 5
GIB = 2**30
LLAMA_8B = Architecture(
    family="llama",
    n_layer=32,
    n_head=32,
    n_kv_head=8,
    head_dim=128,
    n_embd=4096,
    n_mlp=14_336,
    vocab_size=128_256,
    max_length=PROMPT + NEW,
    norm_eps=1e-5,
    tied=False,
    rope=Rope(500_000.0),
)
LLAMA_1B = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 128_256,
    "max_position_embeddings": PROMPT + NEW,
    "tie_word_embeddings": True,
}


# -- the sides ------------------------------------------------------------------------------------


def random_decoder(a: Architecture, device: str, method: str = "bfloat16") -> Decoder:
    """Make a Llama of random weights where it is to run.

    Args:
        a: its sizes.
        device: "cpu" or "cuda".
        method: "bfloat16", or one of `gpu_linears.FORMATS`. With four bits the output layer stays
            in bfloat16, since each word depends on it.
    """
    like = {"device": device, "dtype": torch.bfloat16}
    tensors = {n: torch.randn(s, **like) * 0.02 for n, s in checkpoint.shapes(a).items()}
    norms = [f"blocks.{i}.norm{j}.weight" for i in range(a.n_layer) for j in (1, 2)]
    tensors |= {name: torch.ones(a.n_embd, **like) for name in (*norms, "norm.weight")}
    linears = {}
    if method in gpu_linears.FORMATS:
        names = [n.removesuffix(".weight") for n in checkpoint.shapes(a) if n.endswith(".weight")]
        for name in names:
            if name == "head" and method == "int4":
                continue
            linears[name] = gpu_linears.FORMATS[method](tensors.pop(f"{name}.weight"), None)
    return Decoder(a, tensors, linears)


def ours(decoder: Decoder, n_requests: int) -> Generate:
    """Answer all prompts by a new engine each time, so that nothing is in the cache yet."""
    per_request = -(-(PROMPT + NEW) // BLOCK)
    n_blocks, device = n_requests * per_request, decoder.device.type
    runner = Runner(decoder, n_blocks, BLOCK)
    if device == "cuda":
        runner = GraphedRunner(runner, per_request, device=device)
    config = EngineConfig(
        n_blocks=n_blocks,
        block_size=BLOCK,
        max_tokens=max(4096, 2 * n_requests),
        max_running=n_requests,
        max_waiting=n_requests,
        max_length=PROMPT + NEW,
    )

    def generate(prompts: Prompts, n: int) -> list[list[int]]:
        engine = Engine(runner, NoText(decoder.architecture.vocab_size), config)
        params = SamplingParams(temperature=0, max_tokens=n, ignore_eos=True)
        for i, prompt in enumerate(prompts):
            engine.add(Request(str(i), tuple(prompt), params))
        found: list[list[int]] = [[] for _ in prompts]
        while engine.has_work:
            for output in engine.step():
                found[int(output.request)] += [token.id for token in output.tokens]
        return found

    return generate


def transformers(folder: Path, device: str, dtype: torch.dtype) -> Generate:
    """`generate` of transformers, all prompts in one batch."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device).eval()

    @torch.inference_mode()
    def generate(prompts: Prompts, n: int) -> list[list[int]]:
        ids = torch.tensor(prompts, device=device)
        made = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=n,
            eos_token_id=None,
            pad_token_id=0,
        )
        return made[:, ids.shape[1] :].tolist()

    return generate


def write_llama(folder: Path, sizes: dict[str, int], device: str) -> Path:
    """Write random weights in bfloat16, for both sides."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    with torch.device(device):
        model = LlamaForCausalLM(LlamaConfig(**sizes, bos_token_id=0, eos_token_id=0))
    model.bfloat16().save_pretrained(folder)
    return folder


def draw_prompts(n: int, vocab_size: int) -> list[list[int]]:
    """Draw n prompts that have nothing in common."""
    source = torch.Generator().manual_seed(n)
    return torch.randint(vocab_size, (n, PROMPT), generator=source).tolist()


# -- one answer, beside the memory ----------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """What one answer came to.

    Attributes:
        tokens_per_s: of the writing alone, without the prompt.
        nbytes: of the weights that each token reads.
    """

    tokens_per_s: float
    nbytes: int


def write_one(decoder: Decoder, turns: int = TURNS) -> Written:
    """Time the writing: the difference of a long and a short answer to one prompt."""
    generate, short = ours(decoder, 1), NEW // 8
    prompt = draw_prompts(1, decoder.architecture.vocab_size)
    sides = [Contender(str(n), lambda n=n: generate(prompt, n)) for n in (short, NEW)]
    timed = interleave(sides, turns=turns)
    seconds = timed[str(NEW)].median - timed[str(short)].median
    return Written((NEW - short) / seconds, weight_bytes(decoder))


def read_bandwidth(n_bytes: int = 4 * GIB, device: str = "cuda") -> float:
    """Measure how many bytes a second come out of memory: the best of several sums."""
    numbers, seconds = torch.ones(n_bytes // 4, device=device), []
    for _ in range(9):
        began = time.perf_counter()
        numbers.sum().item()  # which waits for it
        seconds.append(time.perf_counter() - began)
    return n_bytes / min(seconds)


def share_row(method: str, written: Written | None, bandwidth: float) -> Row:
    """Set the bytes that one answer reads beside what memory gives."""
    rate = written and written.tokens_per_s * written.nbytes
    told = f"; {written.tokens_per_s:.0f} tokens/s" if written else "; PyTorch has no such product"
    row = Row.compare(
        f"gpu-decode-{method}",
        f"one answer, 8 B weights in {method}, bytes of weights a second{told}",
        "GB/s",
        (rate or 0.0) / 1e9,
        "reading memory",
        bandwidth / 1e9,
        higher_is_better=True,
        goal=0.7,
        limit=bandwidth / 1e9,
        runs=TURNS,
    )
    return row if written else replace(row, ratio=None)


def fitting(a: Architecture, free_bytes: int) -> Architecture:
    """Halve the blocks until the weights in bfloat16 fit into half of the free memory."""
    while a.n_layer > 1 and 2 * _n_weights(a) > free_bytes / 2:
        a = replace(a, n_layer=a.n_layer // 2)
    return a


def _n_weights(a: Architecture) -> int:
    return sum(rows * columns for rows, columns in checkpoint.shapes(a).values())


def share_rows() -> Iterator[Row]:
    """Measure one answer in each format."""
    bandwidth = read_bandwidth()
    a = fitting(LLAMA_8B, torch.cuda.mem_get_info()[0])
    for method in ("bfloat16", *gpu_linears.FORMATS):
        written = None
        if method == "bfloat16" or gpu_linears.works(method, "cuda"):
            written = write_one(random_decoder(a, "cuda", method))
        torch.cuda.empty_cache()
        yield share_row(method, written, bandwidth)


# -- many answers ---------------------------------------------------------------------------------


def throughput_rows(
    folder: Path, device: str = "cuda", n_requests: int = REQUESTS, dtype=torch.bfloat16
) -> list[Row]:
    """Time all requests at once against transformers, one by one and in one batch."""
    decoder = Decoder.load(folder, dtype, device)
    mine, peer = ours(decoder, n_requests), transformers(folder, device, dtype)
    asked = draw_prompts(n_requests, decoder.architecture.vocab_size)
    # One of them is timed for all: its time does not depend on which it is.
    sides = {
        "ours": lambda: mine(asked, NEW),
        "one after the other": lambda: peer(asked[:1], NEW),
        "in one batch": lambda: peer(asked, NEW),
    }
    timed = interleave([Contender(*side) for side in sides.items()], turns=3)
    n_tokens = {"ours": n_requests * NEW, "one after the other": NEW}
    rates = {n: n_tokens.get(n, n_requests * NEW) / t.median for n, t in timed.items()}
    return [
        Row.compare(
            f"gpu-throughput-{n_requests}-{kind}",
            f"{n_requests} requests, {PROMPT} + {NEW} tokens, 1 B weights in bfloat16",
            "tokens/s",
            rates["ours"],
            f"transformers, {side}",
            rates[side],
            higher_is_better=True,
            goal=goal,
            runs=3,
        )
        for kind, side, goal in (
            ("one-by-one", "one after the other", 10.0),
            ("batch", "in one batch", None),
        )
    ]


def rows() -> list[Row]:
    """Measure all; no rows without a GPU."""
    if not torch.cuda.is_available():
        return []
    found = list(share_rows())
    with tempfile.TemporaryDirectory() as folder:
        return found + throughput_rows(write_llama(Path(folder), LLAMA_1B, "cuda"))


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        ratio = f"{row.ratio:6.2f}x" if row.ratio else "      -"
        print(f"{row.id:32} {row.ours:10.1f} {row.unit:9} {ratio}  {row.peer}; {row.what}")


if __name__ == "__main__":
    main()
