"""A bank that fits into a test: four intents, a tiny encoder with random weights, no network."""

import json
import random

import torch

WORDS = {
    "lost_card": ["card", "lost", "missing", "gone", "stolen", "find", "wallet"],
    "exchange_rate": ["rate", "exchange", "currency", "euro", "dollar", "convert", "abroad"],
    "top_up": ["top", "up", "money", "add", "account", "balance", "deposit"],
    "forgotten_pin": ["pin", "forgot", "code", "remember", "number", "blocked", "reset"],
}
FILLERS = ["my", "the", "please", "i", "can", "you", "what", "is", "help", "me", "with"]


def sentences(n, seed=0):
    """(text, intent) of words that hint at the intent, and of fillers."""
    chance = random.Random(seed)
    for i in range(n):
        intent = [*WORDS][i % len(WORDS)]
        words = chance.choices(WORDS[intent], k=4) + chance.choices(FILLERS, k=chance.randint(1, 5))
        chance.shuffle(words)
        yield " ".join(words), intent


def write_data(path, n=240):
    """The sentences as JSON lines."""
    lines = [json.dumps({"text": text, "label": intent}) for text, intent in sentences(n)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def tokenizer():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = sorted({*FILLERS, *(word for group in WORDS.values() for word in group)})
    ids = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *words])}
    inner = Tokenizer(WordLevel(ids, unk_token="[UNK]"))
    inner.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]")


def bert(seed=0, dropout=0.1):
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer()),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return BertModel(config).eval()


def distilbert(seed=0):
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(seed)
    config = DistilBertConfig(
        vocab_size=len(tokenizer()), dim=32, hidden_dim=64, n_layers=2, n_heads=2
    )
    return DistilBertModel(config).eval()


def write_encoder(folder):
    """A folder that `models.load_encoder` opens."""
    bert().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
