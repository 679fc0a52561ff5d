"""Trainers of trl that take one step when they are told to, so that they can take turns with ours.

trl is no dependency of this course. It takes a model by its path: `save` writes a folder for it,
and nothing asks the network.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from shared.bench import Row, rows_with_threads
from shared.machine import usable_cores

if TYPE_CHECKING:
    from transformers import PreTrainedModel, Trainer

Reward = Callable[..., list[float]]  # called with completion_ids=, among other things
END, PAD = 0, 1  # ids of the tokenizer's special tokens
HOW = "trl is not installed: its side is left out. To get it: pip install -e '.[bench]'"


def is_installed() -> bool:
    """Whether trl, and what lets it stand still, can be imported."""
    return find_spec("trl") is not None and find_spec("greenlet") is not None


def word(id: int) -> str:
    """Write a token as the tokenizer of `save` does: one word each.

    All of one length: a special token is looked for within words, too.
    """
    return f"w{id:06}"


def save(model: "PreTrainedModel", folder: Path) -> None:
    """Write a model, and a tokenizer of as many words as it has tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    words = {word(id): id for id in range(model.config.vocab_size)}
    plain = Tokenizer(models.WordLevel(words, unk_token=word(PAD)))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token=word(END), pad_token=word(PAD)
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


class Held:
    """A trainer that stands still between its steps.

        with Held(grpo(...)) as trainer:
            trainer.step()

    It is as whole as a user runs it: its batches, its callbacks and what it logs are inside a step.
    And it runs in the thread that asks: in another one it would keep a second pool of OpenMP
    threads, and more threads than cores make all small operations slow, on both sides.

    Args:
        trainer: of transformers' kind, with more steps to go than are asked for.
    """

    def __init__(self, trainer: "Trainer") -> None:
        from greenlet import greenlet

        self.trainer, self._stops = trainer, False
        trainer.add_callback(self._gate())
        self._run = greenlet(trainer.train)
        self._run.switch()  # up to the gate before the first step

    def step(self) -> None:
        """Take one step; what goes wrong in it is raised here.

        Raises:
            RuntimeError: if the trainer has come to its end.
        """
        if not self._run.dead:
            self._run.switch()
        if self._run.dead:
            raise RuntimeError("the trainer takes no more steps")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stops = True
        if not self._run.dead:
            self._run.switch()

    def _gate(self) -> Any:
        from transformers import TrainerCallback

        held = self

        class Gate(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
                return held._wait(control)

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
                return held._wait(control)

        return Gate()

    def _wait(self, control: Any) -> Any:
        self._run.parent.switch()
        control.should_training_stop = control.should_training_stop or self._stops
        return control


@contextmanager
def holding(model: "PreTrainedModel", make: Callable[[Path], "Trainer"]) -> Iterator[Held]:
    """Keep a trainer that `make` makes of the folder of a model, as long as the block lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(model, folder)
        with Held(make(folder)) as held:
            yield held


def rows_of(module: str) -> list[Row]:
    """Call a bench's `rows_here` in a process of its own with all cores; say if trl is missing."""
    if not is_installed():
        print(HOW)
    return rows_with_threads(module, "rows_here", usable_cores())


def grpo(
    folder: Path, prompts: Sequence[str], reward: Reward, settings: Mapping[str, Any]
) -> "Trainer":
    """Make a GRPOTrainer of the model in a folder.

    Args:
        folder: as `save` leaves it.
        prompts: one a row of the data.
        reward: called with completion_ids, the ids of each response.
        settings: of GRPOConfig, where they differ from its defaults.
    """
    datasets, trl = _offline()
    return _silent(
        trl.GRPOTrainer(
            model=str(folder),
            reward_funcs=reward,
            args=trl.GRPOConfig(**_quiet(folder), **settings),
            train_dataset=datasets.Dataset.from_dict({"prompt": list(prompts)}),
        )
    )


def sft(
    folder: Path,
    ids: Sequence[list[int]],
    labels: Sequence[list[int]],
    settings: Mapping[str, Any],
) -> "Trainer":
    """Make an SFTTrainer of the model in a folder.

    Args:
        folder: as `save` leaves it.
        ids: of each conversation.
        labels: the same, with -100 for a token that does not count.
        settings: of SFTConfig, where they differ from its defaults.
    """
    datasets, trl = _offline()
    return _silent(
        trl.SFTTrainer(
            model=str(folder),
            args=trl.SFTConfig(**_quiet(folder), **settings),
            train_dataset=datasets.Dataset.from_dict({"input_ids": ids, "labels": labels}),
        )
    )


def _offline() -> tuple[Any, Any]:
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the hub's library is first imported
    import datasets
    import trl

    datasets.disable_progress_bars()
    return datasets, trl


def _quiet(folder: Path) -> dict[str, Any]:
    """Say nothing, save nothing, and stay on the CPU."""
    silent = {"report_to": "none", "save_strategy": "no", "disable_tqdm": True}
    return {"output_dir": str(folder / "runs"), "use_cpu": True, "log_level": "error", **silent}


def _silent(trainer: "Trainer") -> "Trainer":
    """Keep it from printing what it logs, which it does where it shows no bar."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer
