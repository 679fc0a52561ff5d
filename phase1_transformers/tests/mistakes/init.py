"""Classic wrong answers for `solution/init.py`."""

import math

import torch
from torch import nn

from shared.mistakes import mistake


@mistake(
    "1.15",
    "init.init_weights",
    "The projections into the residual stream are as wide as the rest: 2 n_layer of them add up, and the stream grows with depth.",
)
def init_stream_not_scaled(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "1 / sqrt(n_layer): each layer writes into the stream twice, once from attention and once from the feed-forward layer.",
)
def init_stream_by_layers(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "1 / (2 n_layer) is what the variance is divided by; the standard deviation takes its root.",
)
def init_stream_without_root(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / (2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "Only attention's projection is made smaller; the feed-forward layer writes into the stream, too.",
)
def init_attention_only(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            into_stream = name.endswith("attention.proj")
            std = STD / math.sqrt(2 * model.config.n_layer) if into_stream else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "The tables are not drawn: a tied table from N(0, 1) is a head whose scores, and first loss, are many times too large.",
)
def init_without_tables(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and (name != "head" or not model.config.tied):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "STD^2 is the variance; a normal distribution is drawn with its standard deviation.",
)
def init_variance_as_std(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD**2 / (2 * model.config.n_layer) if name.endswith(".proj") else STD**2
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / module.in_features
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "The weights are drawn from a uniform distribution; both recipes ask for a normal one.",
)
def init_uniform(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            bound = math.sqrt(3) * std
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "The generator is not used, so a seed does not bring the same weights back.",
)
def init_ignores_generator(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "The biases are left as they were; both recipes set them to 0.",
)
def init_leaves_biases(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)


@mistake(
    "1.15",
    "init.init_weights",
    "Every parameter is drawn, the norms' weights too: a norm begins as the identity, so it stays as it is.",
)
def init_draws_the_norms(model, generator=None, scheme="gpt2"):
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
            continue
        into_stream = name.endswith(".proj.weight")
        std = STD / math.sqrt(2 * model.config.n_layer) if into_stream else STD
        if scheme == "modern" and name.startswith("blocks") and parameter.ndim == 2:
            std = 0.0 if into_stream else 1 / math.sqrt(parameter.shape[1])
        nn.init.normal_(parameter, std=std, generator=generator)


@mistake(
    "1.15",
    "init.init_weights",
    "modern: the variance is 1 / fan_out; what makes an output large is the number of inputs that it sums, fan_in.",
)
def init_modern_fan_out(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.out_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "modern: the head is a linear layer, but it is drawn like the table, which it may be; it must not be drawn by its fan-in.",
)
def init_modern_head_by_fan_in(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear):
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "modern: the projections into the residual stream are not 0, so a block does not begin as the identity.",
)
def init_modern_stream_not_zero(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "modern: all weights are drawn as GPT-2's; the scheme never makes a difference.",
)
def init_modern_is_gpt2(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "modern: 1 / fan_in is the variance; a normal distribution is drawn with its root, the standard deviation.",
)
def init_modern_without_root(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / module.in_features
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "All linear layers are made smaller, the head too, and with it a tied table; only the projections into the stream should be.",
)
def init_shrinks_all_linear(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = (
                STD / math.sqrt(2 * model.config.n_layer) if isinstance(module, nn.Linear) else STD
            )
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "New parameters take the place of the old ones, so a tied head and its table part ways; draw in place.",
)
def init_breaks_the_tie(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else 1 / math.sqrt(module.in_features)
            weight = torch.randn(module.weight.shape, generator=generator) * std
            module.weight = nn.Parameter(weight)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


@mistake(
    "1.15",
    "init.init_weights",
    "modern: sqrt(2 / fan_in) makes up for what a ReLU throws away; no ReLU stands behind these layers, so the 2 does not belong.",
)
def init_modern_relu_gain(model, generator=None, scheme="gpt2"):
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            std = STD / math.sqrt(2 * model.config.n_layer) if name.endswith(".proj") else STD
            if scheme == "modern" and isinstance(module, nn.Linear) and name != "head":
                std = 0.0 if name.endswith(".proj") else math.sqrt(2 / module.in_features)
            nn.init.normal_(module.weight, std=std, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
