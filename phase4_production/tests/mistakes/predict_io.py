"""Classic wrong guesses for `solution/predict_io.py`."""

from shared.mistakes import mistake


@mistake(
    "4.5",
    "predict_io.moved_by_naive_attention",
    "That is the matrix moved once; it is written and read as S, and written and read as P.",
)
def io_naive_matrix_once():
    return 33.6


@mistake(
    "4.5",
    "predict_io.moved_by_naive_attention",
    "Twice the matrix is half of it: S goes out and comes back, and so does P.",
)
def io_naive_matrix_twice():
    return 67.1


@mistake(
    "4.5",
    "predict_io.moved_by_naive_attention",
    "Three times the matrix: the last kernel reads P once more.",
)
def io_naive_matrix_three_times():
    return 100.7


@mistake(
    "4.5",
    "predict_io.moved_by_naive_attention",
    "Those are four bytes a number; here a number has two.",
)
def io_naive_in_float32():
    return 272.6


@mistake(
    "4.5",
    "predict_io.moved_by_naive_attention",
    "The inputs and the output alone are what one had to move at least; the matrix goes to slow memory, too.",
)
def io_naive_inputs_only():
    return 2.1


@mistake(
    "4.5",
    "predict_io.moved_by_naive_attention",
    "Those are millions of numbers, not of bytes.",
)
def io_naive_numbers():
    return 68.2


@mistake(
    "4.5",
    "predict_io.moved_by_tiles",
    "Every query tile reads all keys and values again, 32 times; only q and O are moved once.",
)
def io_tiles_inputs_only():
    return 2.1


@mistake(
    "4.5",
    "predict_io.moved_by_tiles",
    "64 is the number of key tiles; keys are read again for each query tile, of which there are 32.",
)
def io_tiles_by_key_tiles():
    return 68.2


@mistake(
    "4.5",
    "predict_io.moved_by_tiles",
    "The values are read as often as the keys.",
)
def io_tiles_keys_only():
    return 17.8


@mistake(
    "4.5",
    "predict_io.moved_by_tiles",
    "Those are millions of numbers, not of bytes.",
)
def io_tiles_numbers():
    return 17.3


@mistake(
    "4.5",
    "predict_io.moved_by_tiles",
    "The scores of a tile are made and used up in fast memory and never leave it.",
)
def io_tiles_with_the_matrix():
    return 136.3


@mistake(
    "4.5",
    "predict_io.moved_by_tiles",
    "A query tile stays in fast memory while the keys pass by; q is read once.",
)
def io_tiles_queries_too():
    return 51.4


@mistake(
    "4.5",
    "predict_io.growth_with_longer_key_tiles",
    "Half as many key tiles of twice the size: each query tile still reads every key once.",
)
def io_key_tiles_half():
    return 0.5


@mistake(
    "4.5",
    "predict_io.growth_with_longer_key_tiles",
    "Each tile has twice as many keys, and there are half as many of them.",
)
def io_key_tiles_double():
    return 2


@mistake(
    "4.5",
    "predict_io.growth_with_longer_key_tiles",
    "The theorem's M is the fast memory, and what it buys is query tiles; these have not grown.",
)
def io_key_tiles_quarter():
    return 0.25


@mistake(
    "4.5",
    "predict_io.growth_with_longer_key_tiles",
    "Only the queries of a tile decide how often the keys are read.",
)
def io_key_tiles_root():
    return 0.707


@mistake(
    "4.5",
    "predict_io.growth_with_the_head",
    "A row of keys is twice as long, and a tile has half as many queries, so keys are read twice as often as well.",
)
def io_head_double():
    return 2


@mistake(
    "4.5",
    "predict_io.growth_with_the_head",
    "The scores do not grow with D, but they never leave fast memory; what moves are rows of D numbers.",
)
def io_head_same():
    return 1


@mistake(
    "4.5",
    "predict_io.growth_with_the_head",
    "D stands in the theorem squared: T^2 D^2 / M.",
)
def io_head_eight():
    return 8


@mistake(
    "4.5",
    "predict_io.growth_with_the_head",
    "That is what happens to 1 / scale; bytes grow as D squared.",
)
def io_head_root():
    return 1.414


@mistake(
    "4.5",
    "predict_io.growth_with_the_head",
    "Larger heads cost more, not less: the tiles shrink and the rows grow.",
)
def io_head_half():
    return 0.5


@mistake(
    "4.5",
    "predict_io.tiles_that_are_read",
    "Exactly half would be half of the diagonal tiles, too; these have to be read whole.",
)
def io_causal_half():
    return 256


@mistake(
    "4.5",
    "predict_io.tiles_that_are_read",
    "Tiles above the diagonal hold nothing that anybody may see.",
)
def io_causal_all():
    return 512


@mistake(
    "4.5",
    "predict_io.tiles_that_are_read",
    "That is for tiles of 128 x 128; here each query tile crosses the diagonal in two key tiles.",
)
def io_causal_square():
    return 136


@mistake(
    "4.5",
    "predict_io.tiles_that_are_read",
    "Those are the pairs of 32 key tiles; there are 16 query tiles.",
)
def io_causal_by_key():
    return 528


@mistake(
    "4.5",
    "predict_io.tiles_that_are_read",
    "The tiles that the diagonal cuts are missing: they are masked, and read.",
)
def io_causal_without_diagonal():
    return 240


@mistake(
    "4.5",
    "predict_io.tiles_that_are_read",
    "Half and one corner: count row by row, 2 tiles, then 4, then 6.",
)
def io_causal_one_of_two():
    return 257


@mistake(
    "4.5",
    "predict_io.kept_for_backward",
    "O and L are kept as well: the backward pass needs O for D = rowsum(dO * O).",
)
def io_kept_inputs():
    return 0.786


@mistake(
    "4.5",
    "predict_io.kept_for_backward",
    "No matrix is kept; P comes back from L.",
)
def io_kept_with_matrix():
    return 5.24


@mistake(
    "4.5",
    "predict_io.kept_for_backward",
    "That is P, the very thing that is not kept.",
)
def io_kept_matrix_only():
    return 4.19


@mistake(
    "4.5",
    "predict_io.kept_for_backward",
    "That is in two bytes a number; float32 has four.",
)
def io_kept_half():
    return 0.526


@mistake(
    "4.5",
    "predict_io.kept_for_backward",
    "Something has to be kept: the inputs, the output and a number for each query.",
)
def io_kept_nothing():
    return 0


@mistake(
    "4.5",
    "predict_io.work_for_each_byte",
    "Each number of the cache serves the four query heads of its group.",
)
def io_decode_one():
    return 1


@mistake(
    "4.5",
    "predict_io.work_for_each_byte",
    "32 query heads do not share one kv head; there are 8.",
)
def io_decode_of_32():
    return 32


@mistake(
    "4.5",
    "predict_io.work_for_each_byte",
    "An addition is an operation, too: 4 heads times 2 operations for each number of two bytes.",
)
def io_decode_two():
    return 2


@mistake(
    "4.5",
    "predict_io.work_for_each_byte",
    "Those are operations for each number; a number has two bytes.",
)
def io_decode_eight():
    return 8


@mistake(
    "4.5",
    "predict_io.work_for_each_byte",
    "D numbers are read for D multiplications: it cancels.",
)
def io_decode_of_head():
    return 128


@mistake(
    "4.5",
    "predict_io.work_for_each_byte",
    "The cache is read once for one query: its length cancels.",
)
def io_decode_by_length():
    return 4096
