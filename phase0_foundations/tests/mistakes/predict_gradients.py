"""Wrong guesses for `solution/predict_gradients.py`."""

from shared.mistakes import mistake


@mistake(
    "0.9",
    "predict_gradients.gradient_of_a_reused_node",
    "That is one path, the lonely + x. x is used three times, and all paths add up.",
)
def reuse_last_path_only():
    return 1.0


@mistake(
    "0.9",
    "predict_gradients.gradient_of_a_reused_node",
    "That is the share of x * x; the + x sends something down as well.",
)
def reuse_product_only():
    return 6.0


@mistake(
    "0.9",
    "predict_gradients.gradient_of_a_reused_node",
    "x stands on both sides of x * x: each side sends the other's value, so 3 arrives twice.",
)
def reuse_product_once():
    return 4.0


@mistake(
    "0.9",
    "predict_gradients.gradient_of_a_reused_node",
    "That is y itself; asked for is how fast y moves when x does.",
)
def reuse_value_of_y():
    return 12.0


@mistake(
    "0.9",
    "predict_gradients.gradient_through_ten_diamonds",
    "Twice per diamond is right, but one diamond feeds the next: chained factors multiply.",
)
def diamonds_added():
    return 20.0


@mistake(
    "0.9",
    "predict_gradients.gradient_through_ten_diamonds",
    "That is a single path of slopes 1; count the paths from y down to x.",
)
def diamonds_one_path():
    return 1.0


@mistake(
    "0.9",
    "predict_gradients.gradient_through_ten_diamonds",
    "Doubling is right, the count is one short: range(10) doubles ten times.",
)
def diamonds_off_by_one():
    return 512.0


@mistake(
    "0.9",
    "predict_gradients.gradient_through_ten_diamonds",
    "The number of paths does not grow like a square: each diamond doubles all the paths above it.",
)
def diamonds_squared():
    return 100.0


@mistake(
    "0.9",
    "predict_gradients.gradients_after_two_calls",
    "That is after one call. x is a leaf, and leaves add up until somebody sets them to zero.",
)
def twice_nothing_adds_up():
    return (24.0, 12.0)


@mistake(
    "0.9",
    "predict_gradients.gradients_after_two_calls",
    "x is right. b is an interior node, and those start at zero in every call.",
)
def twice_everything_adds_up():
    return (48.0, 24.0)


@mistake(
    "0.9",
    "predict_gradients.gradients_after_two_calls",
    "The first call's share went down again with the second's; that is why interior nodes restart.",
)
def twice_interior_flows_again():
    return (72.0, 24.0)


@mistake(
    "0.9",
    "predict_gradients.gradients_after_two_calls",
    "The right numbers in the wrong order: the pair is (x.grad, b.grad).",
)
def twice_swapped():
    return (12.0, 48.0)
