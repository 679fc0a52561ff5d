"""Classic wrong answers for `solution/heads.py`."""

import torch

from shared.mistakes import mistake

# -- split ------------------------------------------------------------------------------------


@mistake(
    "1.9",
    "heads.split_heads",
    "The reshape to (B, H, T, D) cuts the memory as it lies: tokens get mixed. Cut the channels first, then swap axes.",
)
def split_heads_without_transpose(x, n_head):
    B, T, C = x.shape
    return x.reshape(B, n_head, T, C // n_head)


@mistake(
    "1.9",
    "heads.split_heads",
    "Head h gets every n_head-th channel; it must get D neighbours, so H comes before D where the channels are cut.",
)
def split_heads_interleaved(x, n_head):
    B, T, C = x.shape
    return x.view(B, T, C // n_head, n_head).permute(0, 3, 1, 2)


@mistake(
    "1.9",
    "heads.split_heads",
    "The heads are cut, but their axis still stands behind the tokens: (B, T, H, D). Attention needs (B, H, T, D).",
)
def split_heads_tokens_first(x, n_head):
    B, T, C = x.shape
    return x.view(B, T, n_head, C // n_head)


@mistake(
    "1.9",
    "heads.split_heads",
    "The last two axes are swapped: (B, H, D, T). A row must be a token, (B, H, T, D).",
)
def split_heads_channels_first(x, n_head):
    B, T, C = x.shape
    return x.view(B, T, n_head, C // n_head).permute(0, 2, 3, 1)


@mistake(
    "1.9",
    "heads.split_heads",
    "n_head is taken for the width of a head; it is how many there are.",
)
def split_heads_counts_channels(x, n_head):
    B, T, C = x.shape
    return x.view(B, T, C // n_head, n_head).transpose(1, 2)


# -- merge ------------------------------------------------------------------------------------


@mistake(
    "1.9",
    "heads.merge_heads",
    "The heads are merged without swapping back: a row of the result mixes tokens. Bring T before H, then flatten H and D.",
)
def merge_heads_without_transpose(x):
    B, H, T, D = x.shape
    return x.reshape(B, T, H * D)


@mistake(
    "1.9",
    "heads.merge_heads",
    "The heads are merged channel by channel; the D channels of one head must stay side by side.",
)
def merge_heads_interleaved(x):
    B, H, T, D = x.shape
    return x.permute(0, 2, 3, 1).reshape(B, T, H * D)


@mistake(
    "1.9",
    "heads.merge_heads",
    "The heads are added up, so the projection cannot tell them apart any more: put them side by side.",
)
def merge_heads_adds(x):
    return x.sum(dim=1)


@mistake(
    "1.9",
    "heads.merge_heads",
    "The axes are in order, but H and D are still two axes: (B, T, H, D) must become (B, T, H * D).",
)
def merge_heads_stays_split(x):
    return x.transpose(1, 2)


# -- repeat -----------------------------------------------------------------------------------


@mistake(
    "1.9",
    "heads.repeat_kv",
    "The key heads come 0, 1, 0, 1; neighbouring query heads share one, so 0, 0, 1, 1.",
)
def repeat_kv_tiles(x, n_head):
    return x.repeat(1, n_head // x.shape[1], 1, 1)


@mistake(
    "1.9",
    "heads.repeat_kv",
    "Each key head is repeated n_head times; it serves only n_head / H_kv query heads.",
)
def repeat_kv_too_often(x, n_head):
    return x.repeat_interleave(n_head, dim=1)


@mistake(
    "1.9",
    "heads.repeat_kv",
    "The tokens are repeated, axis 2; it is the heads, axis 1, that are too few.",
)
def repeat_kv_repeats_tokens(x, n_head):
    return x.repeat_interleave(n_head // x.shape[1], dim=2)


@mistake(
    "1.9",
    "heads.repeat_kv",
    "All query heads get the first key head; that is right only if there is just one.",
)
def repeat_kv_first_head_only(x, n_head):
    B, H_kv, T, D = x.shape
    return x[:, :1].expand(B, n_head, T, D)


@mistake(
    "1.9",
    "heads.repeat_kv",
    "The missing heads are filled with zeros; a query head without keys of its own shares those of a neighbour.",
)
def repeat_kv_pads(x, n_head):
    B, H_kv, T, D = x.shape
    return torch.cat([x, x.new_zeros(B, n_head - H_kv, T, D)], dim=1)
