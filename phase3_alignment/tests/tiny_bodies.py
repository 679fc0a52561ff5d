"""Folders of tiny random models with tokenizers of a few words, for the programs that open one."""

WORDS = "a the good bad film fine dull please no yes tea boil it how do I User Assistant : ? ! ."
CAUSAL = ["<end>"]
ENCODER = ["[PAD]", "[CLS]", "[SEP]"]


def save_causal(folder):
    """A GPT-2 of two layers without dropout; its end token begins a text, too, as GPT-2's does."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = _words(CAUSAL, bos_token="<end>", eos_token="<end>")
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=32,
        n_embd=16,
        n_layer=2,
        n_head=2,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return _save(GPT2LMHeadModel, config, tokenizer, folder)


def save_encoder(folder):
    """A BERT of two layers with its pooler; its tokenizer has no end token, as BERT's has none."""
    from transformers import BertConfig, BertModel

    names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = _words(ENCODER, **names)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
    )
    return _save(BertModel, config, tokenizer, folder)


def _words(specials, **names):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    vocab = {word: i for i, word in enumerate(["<unk>", *specials, *WORDS.split()])}
    tokenizer = Tokenizer(WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", **names)


def _save(kind, config, tokenizer, folder):
    import torch

    torch.manual_seed(0)
    kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
