"""Supervised fine-tuning, ours with packing against trl's SFTTrainer: tokens a second.

The work: questions and answers from the interpreter's own documentation, in tokens of a BPE of
5,000 that is trained on them, at most 256 each; the loss on the answers only. GPT-2's architecture
with 4 layers, 128 wide, 4 heads, random, float32, no dropout; all parameters train. A step is one
update from 8 conversations (trl's default): forward, backward, the gradient clipped to length 1,
fused AdamW at 2e-5. All sides see the same 64 conversations in the same order, over and over; a
turn goes through them once, in 8 steps. Counted are their real tokens, questions and answers;
padding is not.

- ours: the 8 conversations of a step in rows of 256, packed (`solution/packing.py`), the loss of
  `solution/head_loss.py`, the activation of `project/fast_gelu.py`. Packing is inside the clock.
- trl-default: 8 rows, padded to the longest; bfloat16 autocast; activations are recomputed.
- trl-float32: the same in float32, nothing recomputed. Its losses are ours (see the tests).
- trl-packed: the same with its packing ("bfd") into rows of 256. It packs before training and takes
  rows for steps, so a step is 2 rows: about as many tokens as 8 conversations have.

Tokens and labels are given to trl ready made, so nothing is tokenised inside the clock. Run `make
phase3-bench`, or `python -m phase3_alignment.project.bench_sft` for these rows alone.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from phase3_alignment.project import demonstrations, documentation, fast_gelu, trl_peers
from phase3_alignment.project.demonstrations import Example
from phase3_alignment.project.fine_tuning import spread
from phase3_alignment.solution import head_loss, packing, sft
from shared.bench import Contender, Row, interleave

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MODULE = "phase3_alignment.project.bench_sft"
VOCAB_SIZE, BLOCK = 5000, 256
BATCH, BATCHES = 8, 8  # conversations of a step, steps of a turn
LR, MAX_GRAD_NORM = 2e-5, 1.0
TURNS = 9
GOAL = 1.5
FLOAT32 = {"bf16": False, "gradient_checkpointing": False}
PACKED = FLOAT32 | {"packing": True, "max_length": BLOCK, "per_device_train_batch_size": 2}
PEERS = {
    "default": ({}, "its defaults: padding, bfloat16, recomputation", GOAL),
    "float32": (FLOAT32, "padding, float32, no recomputation", None),
    "packed": (PACKED, "its packing, float32, no recomputation", None),
}

Step = Callable[[], Any]


# -- what is learnt ---------------------------------------------------------------------------


@cache
def examples() -> tuple[Example, ...]:
    """The conversations of a turn, in tokens, in an order drawn once."""
    found = documentation.conversations()
    learnt = demonstrations.prepare(found, train_tokenizer(), BLOCK).examples
    chosen = spread(learnt, BATCH * BATCHES)
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(0))
    return tuple(chosen[i] for i in order)


def train_tokenizer() -> "PreTrainedTokenizerBase":
    """Train a byte-pair encoding on the conversations."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    texts = (m.content for c in documentation.conversations() for m in c.messages)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=["<end>", "<pad>"],  # the ids that `trl_peers` gives them
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<end>", pad_token="<pad>")


def n_tokens(found: Sequence[Example]) -> int:
    """Count real tokens."""
    return sum(len(ids) for ids, _ in found)


def make_model() -> "PreTrainedModel":
    """Draw the same model each time."""
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = {"n_layer": 4, "n_head": 4, "n_embd": 128, "n_positions": BLOCK}
    silent = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    special = {"bos_token_id": None, "eos_token_id": trl_peers.END, "pad_token_id": trl_peers.PAD}
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB_SIZE, **shape, **silent, **special))


# -- the sides --------------------------------------------------------------------------------


class Ours:
    """Steps on the batches, one after the other.

    Args:
        lr: of AdamW.
    """

    def __init__(self, lr: float = LR) -> None:
        self.model = make_model()
        fast_gelu.exchange(self.model)
        options = {"lr": lr, "weight_decay": 0.0, "fused": True}  # trl's choice, too
        self.optimizer = torch.optim.AdamW(self.model.parameters(), **options)
        self.done = 0

    def step(self) -> float:
        """Learn from the next 8 conversations; return the loss."""
        begin = self.done % BATCHES * BATCH
        found = examples()[begin : begin + BATCH]
        rows = packing.pack([len(ids) for ids, _ in found], BLOCK)
        batch = packing.fill(found, rows, trl_peers.PAD)
        loss = head_loss.answer_loss(self.model, packing.inputs(batch), batch.labels)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRAD_NORM)
        self.optimizer.step()
        self.done += 1
        return loss.item()


def theirs(settings: dict[str, Any], turns: int) -> AbstractContextManager[trl_peers.Held]:
    """Keep an SFTTrainer of trl with the conversations of so many turns before it."""
    same = {
        "learning_rate": LR,
        "max_grad_norm": MAX_GRAD_NORM,
        "max_steps": 10**6,
        "train_sampling_strategy": "sequential",
    }
    ids = [ids.tolist() for ids, _ in examples()] * turns
    labels = [sft.labels(*example).tolist() for example in examples()] * turns
    return trl_peers.holding(
        make_model(), lambda folder: trl_peers.sft(folder, ids, labels, same | settings)
    )


# -- the rows ---------------------------------------------------------------------------------


def rows() -> list[Row]:
    """Time with all cores, in a process of its own."""
    return trl_peers.rows_of(MODULE)


def rows_here() -> list[Row]:
    """Time ours and trl's in turns, with the number of threads of this process."""
    tokens = {"ours": n_tokens(examples()) / BATCHES}  # of a step
    with ExitStack() as stack:
        steps: dict[str, Step] = {"ours": Ours().step}
        for name, (settings, _, _) in PEERS.items() if trl_peers.is_installed() else ():
            held = stack.enter_context(theirs(settings, turns=TURNS + 2))
            steps[name], tokens[name] = held.step, tokens_of_step(held.trainer)
        sides = [Contender(name, step) for name, step in steps.items()]
        found = interleave(sides, turns=TURNS, number=BATCHES, warmup=BATCHES)
    rates = {name: tokens[name] * timing.per_second for name, timing in found.items()}
    return [
        Row.compare(
            f"3-sft-{name}",
            f"SFT, packed; {what}; GPT-2 of 4 layers, 128 wide",
            "tokens/s",
            rates["ours"],
            "trl SFTTrainer",
            rates.get(name),
            higher_is_better=True,
            goal=goal,
            runs=TURNS,
        )
        for name, (_, what, goal) in PEERS.items()
    ]


def tokens_of_step(trainer: Any) -> float:
    """Count the real tokens of a mean step in the data that a trainer of trl has prepared."""
    rows = trainer.train_dataset["input_ids"]
    return sum(map(len, rows)) / len(rows) * trainer.args.per_device_train_batch_size


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        values = f"{row.ours:8,.0f} against {row.peer_value or 0:8,.0f} {row.unit}"
        print(f"{row.id:16} {values}, {row.ratio or 0:5.2f} x")


if __name__ == "__main__":
    main()
