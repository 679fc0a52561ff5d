"""Classic wrong guesses for `solution/predict_training.py`."""

from shared.mistakes import mistake


@mistake(
    "0.13",
    "predict_training.loss_before_training",
    "That is the share of wrong guesses, or the chance of a right one; the loss is a logarithm: how sure is the network?",
)
def guess_loss_is_error_rate():
    return 0.9


@mistake(
    "0.13",
    "predict_training.loss_before_training",
    "The logarithm has the wrong base: nats come from the natural logarithm, bits from that to base 2.",
)
def guess_loss_in_bits():
    return 3.32


@mistake(
    "0.13",
    "predict_training.loss_before_training",
    "log10 of the number of classes; nats come from the natural logarithm.",
)
def guess_loss_in_log10():
    return 1.0


@mistake(
    "0.13",
    "predict_training.loss_before_training",
    "A loss of 0 is that of a network that is sure and right; this one knows nothing yet.",
)
def guess_loss_zero():
    return 0.0


@mistake(
    "0.13",
    "predict_training.size_after_ten_layers",
    "Without a nonlinearity the size would stay 1; a relu takes away half of the mean square, in each layer.",
)
def guess_size_stays():
    return 1.0


@mistake(
    "0.13",
    "predict_training.size_after_ten_layers",
    "That is what is left of the mean *square*, a half for each layer; the question is its root.",
)
def guess_mean_square():
    return 1 / 1024


@mistake(
    "0.13",
    "predict_training.size_after_ten_layers",
    "A sum of fan_in products grows, but the weights are drawn to undo just that; what is left is the relu's doing.",
)
def guess_size_grows():
    return 32.0


@mistake(
    "0.13",
    "predict_training.different_hidden_units",
    "They never part: units that start equal compute the same and get the same gradient, in every step.",
)
def guess_units_part():
    return 32


@mistake(
    "0.13",
    "predict_training.different_hidden_units",
    "The three outputs do get gradients of their own, but each passes all hidden units the same message.",
)
def guess_units_like_outputs():
    return 3


@mistake(
    "0.13",
    "predict_training.different_hidden_units",
    "None at all would mean that there are no units; the question is how many distinct ones there are, not how many differ.",
)
def guess_no_units():
    return 0


@mistake(
    "0.18",
    "predict_training.bytes_of_training_with_adamw",
    "That is the number of parameters; each is a float32, and has a gradient and two averages beside it.",
)
def guess_number_of_parameters():
    return 101770


@mistake(
    "0.18",
    "predict_training.bytes_of_training_with_adamw",
    "Those are the weights alone; the gradients and AdamW's averages have the same shapes.",
)
def guess_weights_only():
    return 407080


@mistake(
    "0.18",
    "predict_training.bytes_of_training_with_adamw",
    "Weights and gradients, as for plain SGD; AdamW remembers more of each parameter.",
)
def guess_without_averages():
    return 814160


@mistake(
    "0.18",
    "predict_training.bytes_of_training_with_adamw",
    "One average is missing: AdamW keeps that of the gradient and that of its square.",
)
def guess_one_average():
    return 1221240


@mistake(
    "0.18",
    "predict_training.bytes_of_training_with_adamw",
    "The biases are missing: each layer has one for each of its outputs.",
)
def guess_without_biases():
    return 1626112


@mistake(
    "0.18",
    "predict_training.steps_of_ten_epochs",
    "The last, smaller batch of each epoch is a step too.",
)
def guess_full_batches_only():
    return 150


@mistake(
    "0.18",
    "predict_training.steps_of_ten_epochs",
    "The ten epochs are not one long row: each ends with a batch of its own that is not full.",
)
def guess_one_long_row():
    return 157


@mistake(
    "0.18",
    "predict_training.steps_of_ten_epochs",
    "That is one epoch; there are ten.",
)
def guess_one_epoch():
    return 16


@mistake(
    "0.18",
    "predict_training.rows_of_the_last_batch",
    "The batches before it do not leave that many: take the full ones away from 1000.",
)
def guess_last_batch_is_full():
    return 64


@mistake(
    "0.18",
    "predict_training.rows_of_the_last_batch",
    "That is what is missing to a full batch; the question is what is left over.",
)
def guess_rows_missing():
    return 24
