"""Recipes that `--preset` chooses from; every other flag changes one value of the recipe.

    tiny                    this Python's documentation, two minutes on two cores
    shakespeare-char        nanoGPT's task for a laptop: its text, its window, its size, in seconds
    shakespeare-char-large  the same text as well as ten minutes on two cores allow
    modern-30m              Qwen3's shape, children's stories; wants a GPU
    gpt2-124m               GPT-2 as nanoGPT trains it; wants a large GPU and a large text

Rates, shapes and steps of the first three were chosen by their validation loss.
"""

from __future__ import annotations

from dataclasses import replace

from phase1_transformers.project.config import Config

TINY = Config(
    preset="tiny",
    data="text",
    tokenizer="bpe",
    vocab_size=1024,
    block_size=256,
    n_layer=4,
    n_head=3,
    n_embd=192,
    n_hidden=512,
    rope_theta=1000.0,
    tied=False,
    zero_init=True,
    dropout=0.2,
    lr=6e-3,
    max_steps=300,
    decay_steps=300,
    eval_every=50,
)

SHAKESPEARE = Config(
    preset="shakespeare-char",
    data="tinyshakespeare",
    tokenizer="char",
    block_size=64,
    n_layer=2,  # two wide blocks: as many parameters as four narrow ones in half the operations
    n_head=3,
    n_embd=192,
    n_hidden=384,
    rope_theta=100.0,
    tied=False,
    zero_init=True,
    lr=1e-2,
    muon_lr=0.025,
    momentum=0.9,
    weight_decay=0.0,
    batch_size=16,
    max_steps=192,
    decay_steps=192,
    eval_every=48,
    sample_tokens=200,
)

SHAKESPEARE_LARGE = replace(
    SHAKESPEARE,
    preset="shakespeare-char-large",
    name="shakespeare-char-large",
    block_size=128,
    n_layer=4,
    n_head=4,
    n_embd=256,
    n_hidden=640,
    rope_theta=1000.0,
    dropout=0.1,
    lr=6e-3,
    muon_lr=0.02,
    momentum=0.95,
    weight_decay=0.1,
    batch_size=32,
    max_steps=900,
    decay_steps=900,
    eval_every=150,
)

MODERN = Config(
    preset="modern-30m",
    data="tinystories",
    tokenizer="bpe",
    vocab_size=16384,
    block_size=512,
    n_layer=8,
    n_head=8,
    n_kv_head=4,
    n_embd=512,
    n_hidden=1376,
    zero_init=True,
    warmup_steps=100,
    max_steps=4000,
    decay_steps=2000,
    batch_size=64,
    compile=True,
    eval_every=500,
    sample_tokens=200,
    prompt="Once upon a time",
)

GPT2 = Config(
    preset="gpt2-124m",
    data="tinystories",
    tokenizer="gpt2",
    architecture="gpt2",
    block_size=1024,
    n_layer=12,
    n_head=12,
    n_embd=768,
    optimizer="adamw",
    lr=6e-4,
    schedule="cosine",
    warmup_steps=700,
    min_lr_share=0.1,
    max_steps=20_000,
    batch_size=16,
    grad_accum_steps=32,
    compile=True,
    eval_every=500,
    sample_tokens=200,
    prompt="Once upon a time",
)

PRESETS = {c.preset: c for c in (TINY, SHAKESPEARE, SHAKESPEARE_LARGE, MODERN, GPT2)}
