"""A real server over a tiny random model, in a process of its own, to be treated badly.

Its tokens are the bytes, so every text can be asked and every text can be the answer. What it says
is nonsense; whether it stays alive, and gives back what it took, does not depend on that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

NAME, END, CONTEXT = "tiny", 256, 128
C, H, H_KV, D, MLP, N_LAYER, V = 48, 6, 2, 8, 80, 2, 257
CONFIG = {
    "model_type": "llama",
    "vocab_size": V,
    "hidden_size": C,
    "intermediate_size": MLP,
    "num_hidden_layers": N_LAYER,
    "num_attention_heads": H,
    "num_key_value_heads": H_KV,
    "max_position_embeddings": CONTEXT,
    "tie_word_embeddings": False,
    "eos_token_id": END,
}
TEMPLATE = (
    "{% for message in messages %}{{ message['role'][0] + ':' + message['content'] + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'a:' }}{% endif %}"
)


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        url: where.
        process: its own; None if somebody else started it.
        log: what it has complained about.
    """

    url: str
    process: psutil.Process | None = None
    log: Path | None = None

    @property
    def memory_mb(self) -> float | None:
        """Resident memory in MiB; None if the process is somebody else's."""
        return None if self.process is None else self.process.memory_info().rss / 2**20

    @property
    def complaints(self) -> str:
        """What stands in its log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log else ""


@contextmanager
def running(*flags: str, model: Path | None = None) -> Iterator[Running]:
    """Start `serve` with flags, by default over a tiny model; stop it as an operator would.

    Raises:
        ValueError: it has not started; the message is what it said.
    """
    with tempfile.TemporaryDirectory(prefix="tiny-server-") as scratch:
        folder, log = model or write_model(Path(scratch) / NAME), Path(scratch) / "log.txt"
        command = [sys.executable, "-m", "phase4_production.project.serve", "--port", "0"]
        command += ["--model", str(folder), "--name", NAME, *flags]
        with log.open("w") as errors:
            server = psutil.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            yield Running(_url(server, log), server, log)
        finally:
            _stop(server)


def _stop(server: psutil.Popen) -> None:
    try:
        if server.poll() is None:
            server.terminate()
        server.wait(10)
    except psutil.TimeoutExpired:
        server.kill()
        server.wait()
    server.stdout.close()


def _url(server: psutil.Popen, log: Path) -> str:
    for line in server.stdout:
        if line.startswith("OpenAI client:"):
            return line.partition("base_url=")[2].strip().removesuffix("/v1")
    raise ValueError(f"the server has not started: {log.read_text(encoding='utf-8').strip()}")


def write_model(folder: Path, seed: int = 0) -> Path:
    """Write a random Llama of 50,000 numbers whose tokens are bytes, in Hugging Face's format."""
    folder.mkdir(parents=True)
    source = torch.Generator().manual_seed(seed)
    tensors = {
        # Were the spread as small as usual, all tokens would be about as likely.
        name: torch.ones(shape) if "norm" in name else torch.randn(shape, generator=source) * 0.3
        for name, shape in _shapes().items()
    }
    save_file(tensors, folder / "model.safetensors")
    told = {"eos_token": "<|end|>", "chat_template": TEMPLATE}
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    _tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def _shapes() -> dict[str, tuple[int, ...]]:
    found = {"model.embed_tokens.weight": (V, C), "lm_head.weight": (V, C)}
    for i in range(N_LAYER):
        block = f"model.layers.{i}"
        found |= {
            f"{block}.input_layernorm.weight": (C,),
            f"{block}.self_attn.q_proj.weight": (H * D, C),
            f"{block}.self_attn.k_proj.weight": (H_KV * D, C),
            f"{block}.self_attn.v_proj.weight": (H_KV * D, C),
            f"{block}.self_attn.o_proj.weight": (C, H * D),
            f"{block}.post_attention_layernorm.weight": (C,),
            f"{block}.mlp.gate_proj.weight": (MLP, C),
            f"{block}.mlp.up_proj.weight": (MLP, C),
            f"{block}.mlp.down_proj.weight": (C, MLP),
        }
    return found | {"model.norm.weight": (C,)}


def _tokenizer() -> Tokenizer:
    """Every byte is a token, in the order of the bytes' letters, and there is an end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    engine = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    engine.decoder = decoders.ByteLevel()
    engine.add_special_tokens(["<|end|>"])
    return engine
