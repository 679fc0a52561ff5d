"""Classic wrong guesses for `solution/predict_serving.py`."""

from shared.mistakes import mistake


@mistake(
    "4.19",
    "predict_serving.bytes_of_a_token",
    "That is keys alone, or numbers and not bytes: values are kept too, and each number takes two bytes.",
)
def guess_bytes_halves():
    return 16384


@mistake(
    "4.19",
    "predict_serving.bytes_of_a_token",
    "Queries are used once and kept nowhere: only the 8 heads of keys and values are in the cache.",
)
def guess_bytes_query_heads():
    return 131072


@mistake(
    "4.19",
    "predict_serving.bytes_of_a_token",
    "That is one layer; each of the 16 has keys and values of its own.",
)
def guess_bytes_one_layer():
    return 2048


@mistake(
    "4.19",
    "predict_serving.bytes_of_a_token",
    "A number in bfloat16 has two bytes.",
)
def guess_bytes_float32():
    return 65536


@mistake(
    "4.19",
    "predict_serving.idle_places",
    "A block belongs to one text; what its last block does not need lies idle.",
)
def guess_idle_nothing():
    return 0


@mistake(
    "4.19",
    "predict_serving.idle_places",
    "The last block of each is not quite empty; what lies idle in it is 16 less what the text leaves over.",
)
def guess_idle_one_block_each():
    return 48


@mistake(
    "4.19",
    "predict_serving.idle_places",
    "32 tokens fill two blocks exactly: no third is needed until one more token comes.",
)
def guess_idle_another_block():
    return 43


@mistake(
    "4.19",
    "predict_serving.idle_places",
    "15 is the most that a text can waste; two of these waste less.",
)
def guess_idle_at_most():
    return 45


@mistake(
    "4.19",
    "predict_serving.idle_places",
    "Texts do not share a block, so each is rounded up by itself, not their sum.",
)
def guess_idle_packed():
    return 11


@mistake(
    "4.19",
    "predict_serving.idle_places",
    "That is what is in the last blocks; what is not in them is asked for.",
)
def guess_idle_leftover():
    return 5


@mistake(
    "4.19",
    "predict_serving.fastest_decoding",
    "The weights have one byte each, not eight.",
)
def guess_fastest_bits():
    return 20.2


@mistake(
    "4.19",
    "predict_serving.fastest_decoding",
    "That would be float32; here a weight is one byte.",
)
def guess_fastest_float32():
    return 40.3


@mistake(
    "4.19",
    "predict_serving.fastest_decoding",
    "That would be two bytes a weight; here it is one.",
)
def guess_fastest_bfloat16():
    return 80.6


@mistake(
    "4.19",
    "predict_serving.fastest_decoding",
    "That would be half a byte a weight; here it is one.",
)
def guess_fastest_half_bytes():
    return 322.6


@mistake(
    "4.19",
    "predict_serving.fastest_decoding",
    "That is milliseconds per token; tokens per second are asked for.",
)
def guess_fastest_milliseconds():
    return 6.2


@mistake(
    "4.19",
    "predict_serving.blocks_of_ten_chats",
    "What is there already need not be stored again: full blocks of a common beginning are shared.",
)
def guess_chats_nothing_shared():
    return 80


@mistake(
    "4.19",
    "predict_serving.blocks_of_ten_chats",
    "The block that holds the last of the common tokens is not full of them: it differs from chat to chat.",
)
def guess_chats_one_more():
    return 27


@mistake(
    "4.19",
    "predict_serving.blocks_of_ten_chats",
    "A block that is partly one's own cannot be shared: tokens 97 to 100 lie beside the own ones.",
)
def guess_chats_shares_partial():
    return 17


@mistake(
    "4.19",
    "predict_serving.blocks_of_ten_chats",
    "20 own tokens and 4 common ones do not fit into one block.",
)
def guess_chats_forgets_partial():
    return 16


@mistake(
    "4.19",
    "predict_serving.blocks_of_ten_chats",
    "The last tokens differ, so not all blocks are the same.",
)
def guess_chats_all_shared():
    return 8


@mistake(
    "4.19",
    "predict_serving.blocks_of_ten_chats",
    "100 tokens fill six blocks of 16, and 4 are left over.",
)
def guess_chats_one_own():
    return 25


@mistake(
    "4.19",
    "predict_serving.steps_to_the_first_token",
    "Those who write come first, each with one token: they leave less than 256.",
)
def guess_steps_alone():
    return 4


@mistake(
    "4.19",
    "predict_serving.steps_to_the_first_token",
    "A step takes 256 tokens at most: the prompt is read in chunks.",
)
def guess_steps_at_once():
    return 1


@mistake(
    "4.19",
    "predict_serving.steps_to_the_first_token",
    "The 57 do not get equal shares: who writes needs one token only, and all that is left is for the prompt.",
)
def guess_steps_shared_alike():
    return 223


@mistake(
    "4.19",
    "predict_serving.steps_to_the_first_token",
    "The step that reads the last token of the prompt has its logits: it draws the first token of the answer.",
)
def guess_steps_extra_step():
    return 6


@mistake(
    "4.19",
    "predict_serving.steps_to_the_first_token",
    "Nobody has to end first: blocks are there, and a step serves many.",
)
def guess_steps_waits():
    return 57


@mistake(
    "4.19",
    "predict_serving.tokens_read_again",
    "Its blocks were let go of, not wiped: full ones are found again by their names.",
)
def guess_again_all():
    return 70


@mistake(
    "4.19",
    "predict_serving.tokens_read_again",
    "Its blocks were let go of, not wiped, and the newest token has to be run in any case.",
)
def guess_again_seen():
    return 69


@mistake(
    "4.19",
    "predict_serving.tokens_read_again",
    "Only full blocks have names: what lay in the last, half full one is lost.",
)
def guess_again_one():
    return 1


@mistake(
    "4.19",
    "predict_serving.tokens_read_again",
    "A block does not know of prompt or answer: full blocks of the answer are found as well.",
)
def guess_again_answer():
    return 30


@mistake(
    "4.19",
    "predict_serving.tokens_read_again",
    "Blocks that were filled while the answer was written have names as well.",
)
def guess_again_prompt_only():
    return 38


@mistake(
    "4.19",
    "predict_serving.tokens_read_again",
    "The newest token is not in the cache either: it comes on top.",
)
def guess_again_misses_the_newest():
    return 5


@mistake(
    "4.19",
    "predict_serving.tokens_of_a_step_with_guesses",
    "A guess after a wrong one is worth nothing: four fifths of four is too many.",
)
def guess_guesses_mean():
    return 4.2


@mistake(
    "4.19",
    "predict_serving.tokens_of_a_step_with_guesses",
    "That is the guesses; the step itself gives one token more.",
)
def guess_guesses_without_bonus():
    return 2.36


@mistake(
    "4.19",
    "predict_serving.tokens_of_a_step_with_guesses",
    "That is the best case; a wrong guess ends the step.",
)
def guess_guesses_all():
    return 5


@mistake(
    "4.19",
    "predict_serving.tokens_of_a_step_with_guesses",
    "If the third guess is wrong, the first two still count.",
)
def guess_guesses_all_or_nothing():
    return 2.638


@mistake(
    "4.19",
    "predict_serving.tokens_of_a_step_with_guesses",
    "Four fifths of four forgets two things: a guess after a wrong one is void, and one token comes on top.",
)
def guess_guesses_four_fifths():
    return 3.2


@mistake(
    "4.19",
    "predict_serving.fastest_decoding",
    "That is how long one token takes; asked is how many there are in a second.",
)
def guess_fastest_seconds():
    return 0.0062
