"""Recipes that `--preset` chooses from; every flag changes one value of the recipe."""

from __future__ import annotations

from phase1_transformers.project.config import Config

PRESETS = {
    config.preset: config
    for config in (
        Config(preset="tiny"),
        Config(
            preset="shakespeare-char",
            data="tinyshakespeare",
            tokenizer="char",
            block_size=64,
            n_layer=4,
            n_head=4,
            n_embd=128,
            n_hidden=320,
            tied=False,
            zero_init=True,
            batch_size=16,
            max_steps=300,
            decay_steps=300,
            weight_decay=0.0,
        ),
    )
}
