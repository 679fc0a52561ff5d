"""A config refuses what does not fit, and its presets have the proportions that they promise."""

from dataclasses import replace

import pytest

from phase1_transformers.solution.config import gpt2, modern
from shared import checks

MODERN = modern(
    vocab_size=29, block_size=12, n_layer=2, n_head=4, n_embd=12, n_kv_head=2, head_dim=6
)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"n_layer": 0}, "n_layer must be positive, got 0"),
        ({"n_hidden": -1}, "n_hidden must be positive"),
        ({"n_kv_head": 3}, "n_head must be a multiple of n_kv_head, got 4 and 3"),
        ({"head_dim": 5}, "head_dim is odd, 5"),
        ({"rope_theta": 0.0}, "rope_theta must be positive"),
        ({"norm": "batch"}, "norm must be layer or rms, got 'batch'"),
        ({"dropout": 1.0}, "dropout must lie in"),
    ],
)
def test_config_names_what_does_not_fit(change, match):
    checks.raises(lambda: replace(MODERN, **change), ValueError, str(change), match)


def test_gpt2_needs_heads_that_fill_the_width():
    call = lambda: gpt2(n_embd=10, n_head=3)  # noqa: E731
    checks.raises(call, ValueError, "10 channels, 3 heads", "multiple of n_head, got 10 and 3")


@pytest.mark.parametrize("n_embd", [8, 96, 512, 768])
def test_modern_feedforward_has_about_gpt2s_parameters(n_embd):
    config = modern(vocab_size=2, block_size=2, n_layer=1, n_head=1, n_embd=n_embd)
    checks.equal(config.n_hidden % 32, 0, "remainder of n_hidden by 32")
    off = abs(config.n_hidden - 8 / 3 * n_embd)
    checks.at_most(off, max(16, 32 - 8 / 3 * n_embd), "distance from 8/3 of n_embd")
