"""The staged model against what its publisher says of it."""

import gzip
import os
from pathlib import Path

import pytest
import torch

from phase3_alignment.project import models, story_model
from shared import checks
from shared.texts import DataError

DATA = Path(os.environ.get("COURSE_DATA") or ".")
HERE = (DATA / "weights" / story_model.WEIGHTS).is_file()
needs_data = pytest.mark.skipif(not HERE, reason="COURSE_DATA has no weights/")
# The text that is published with the model, decoded greedily from the first token.
PUBLISHED = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball."
)


@pytest.fixture(scope="module")
def stories():
    return models.load_causal("stories")


@needs_data
def test_it_tells_the_published_story(stories):
    begin = torch.tensor([[1]])
    ids = stories.model.generate(begin, max_new_tokens=60, do_sample=False)
    told = stories.tokenizer.decode(ids[0], skip_special_tokens=True)
    assert told.startswith(PUBLISHED)
    checks.equal(sum(p.numel() for p in stories.model.parameters()), 260_032, "parameters")


@needs_data
def test_its_loss_on_stories_is_the_published_one(stories):
    text = gzip.decompress((DATA / "tinystories/valid.txt.gz").read_bytes()).decode()
    nats, count = 0.0, 0
    for story in text.split("<|endoftext|>")[:20]:
        ids = torch.tensor([[1, *stories.tokenizer(story.strip()).input_ids][:256]])
        with torch.no_grad():
            nats += stories.model(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    # 1.2968 is published for the whole validation split; these are 5,000 tokens of another sample.
    checks.close(nats / count, 1.2968, "nats per token", rtol=0.05)


@needs_data
@pytest.mark.parametrize("text", ["Once upon a time", "two  spaces", "é ☃ 中", "", "a\nb"])
def test_text_survives_the_tokenizer(stories, text):
    assert stories.tokenizer.decode(stories.tokenizer(text).input_ids) == text


@needs_data
def test_an_altered_file_is_refused(tmp_path):
    for name in story_model.SHA256:
        (tmp_path / name).write_bytes((DATA / "weights" / name).read_bytes()[:-4])
    checks.raises(lambda: story_model.load(tmp_path), DataError, "a cut file", "sha256")
    (tmp_path / story_model.WEIGHTS).unlink()
    checks.raises(lambda: story_model.load(tmp_path), DataError, "no file", "missing")
