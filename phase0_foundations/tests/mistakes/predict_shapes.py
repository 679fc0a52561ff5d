"""Wrong guesses for `solution/predict_shapes.py`."""

from shared.mistakes import mistake


@mistake(
    "0.2",
    "predict_shapes.sum_shape",
    "That is x alone; y has a 3 where x has a 1, so x is stretched too. Both may be.",
)
def sum_aligned_left():
    return (5, 1, 4)


@mistake(
    "0.2",
    "predict_shapes.sum_shape",
    "The last axes are 4 and 1: the 1 is what stretches, not what wins.",
)
def sum_of_one_axis_each():
    return (5, 3, 1)


@mistake(
    "0.2",
    "predict_shapes.sum_shape",
    "Where the shorter shape has no axis it counts as 1, so the first axis of x stays.",
)
def sum_loses_the_first_axis():
    return (3, 4)


@mistake(
    "0.2",
    "predict_shapes.sum_shape",
    "Shapes are laid over each other from the right, not put one after the other.",
)
def sum_concatenated():
    return (5, 1, 4, 3, 1)


@mistake(
    "0.2",
    "predict_shapes.number_of_errors",
    "So one hopes. (100,) stands under the *last* axis of (100, 1): each point meets each target.",
)
def errors_one_per_point():
    return 100


@mistake(
    "0.2",
    "predict_shapes.number_of_errors",
    "A shape, and worth a second look at it; but asked for is how many numbers it holds: an integer please.",
)
def errors_as_a_shape():
    return (100, 100)


@mistake(
    "0.2",
    "predict_shapes.number_of_errors",
    "The arrays are not put side by side; each axis is stretched to the other array's size.",
)
def errors_side_by_side():
    return 200


@mistake(
    "0.2",
    "predict_shapes.number_of_errors",
    "Nothing is lost and nothing is refused: align (100, 1) and (100,) at the right and stretch.",
)
def errors_none():
    return 0


@mistake(
    "0.2",
    "predict_shapes.pair_that_fails",
    "4 meets no axis and 1 meets 5: this column and this row stretch to a table.",
)
def fails_column_and_row():
    return "A"


@mistake(
    "0.2",
    "predict_shapes.pair_that_fails",
    "A size of 0 is a size like any other, and a 1 stretches to it: the result is empty, not an error.",
)
def fails_empty():
    return "B"


@mistake(
    "0.2",
    "predict_shapes.pair_that_fails",
    "A scalar has no axis that could disagree: it fits everything.",
)
def fails_scalar():
    return "D"
