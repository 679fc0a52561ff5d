"""Classic wrong guesses for `solution/predict_curves.py`."""

from shared.mistakes import mistake


@mistake(
    "3.20",
    "predict_curves.advantage_of_the_first_token",
    "That is the return less the value, which is lambda = 1; here each step back halves the surprise at the end.",
)
def guess_advantage_lambda_1():
    return 0.5


@mistake(
    "3.20",
    "predict_curves.advantage_of_the_first_token",
    "That is lambda = 0, one step ahead: value to value, no surprise. A lambda of 0.5 lets some of the end through.",
)
def guess_advantage_lambda_0():
    return 0


@mistake(
    "3.20",
    "predict_curves.advantage_of_the_first_token",
    "The reward of the end, halved at each step; the value head expected half of it already.",
)
def guess_advantage_of_the_reward():
    return 0.25


@mistake(
    "3.20",
    "predict_curves.advantage_of_the_first_token",
    "The token is two steps before the end, not three: the last one's surprise is not halved.",
)
def guess_advantage_one_step_too_many():
    return 0.0625


@mistake(
    "3.20",
    "predict_curves.advantage_of_the_first_token",
    "Here each delta was the reward less the value; the next value belongs to it, and in the middle the two cancel.",
)
def guess_advantage_without_next_value():
    return -0.625


@mistake(
    "3.20",
    "predict_curves.return_when_padding_counts",
    "That is the return as it should be; with the fault, the padding's 3 is added as what is still to come.",
)
def guess_return_right():
    return 1


@mistake(
    "3.20",
    "predict_curves.return_when_padding_counts",
    "That is the advantage; the return is that plus the value.",
)
def guess_return_is_advantage():
    return 3.5


@mistake(
    "3.20",
    "predict_curves.return_when_padding_counts",
    "The value is added twice: delta takes it off once, and the return puts it back once.",
)
def guess_return_value_twice():
    return 4.5


@mistake(
    "3.20",
    "predict_curves.return_when_padding_counts",
    "Only the future is there; the token's own reward of 1 belongs to its return, too.",
)
def guess_return_only_padding():
    return 3


@mistake(
    "3.20",
    "predict_curves.fault_of_the_first_curves",
    "The score does rise. But after some steps the policy is not the one that sampled: can the approximate KL be 0 then?",
)
def guess_first_is_right():
    return "a"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_first_curves",
    "Another temperature would show in the first minibatch: its approximate KL is above 0. Here even the last one's is 0.",
)
def guess_first_is_temperature():
    return "c"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_first_curves",
    "With the wrong sign the score would fall below chance.",
)
def guess_first_is_sign():
    return "d"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_first_curves",
    "With strangers' scores there is nothing to learn, and here the score rises.",
)
def guess_first_is_strangers():
    return "e"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_first_curves",
    "The entropy falls as it must when a policy decides. Look at the columns that are exactly 0.",
)
def guess_first_is_entropy():
    return "f"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_second_curves",
    "All columns are healthy but one: after nine updates the score is where chance put it.",
)
def guess_second_is_right():
    return "a"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_second_curves",
    "If old log-probabilities were made anew, the last approximate KL of an update would be 0, too.",
)
def guess_second_is_renewed():
    return "b"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_second_curves",
    "Another temperature would show in the first minibatch: its approximate KL would be above 0.",
)
def guess_second_is_temperature():
    return "c"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_second_curves",
    "A wrong sign is still a signal: the score would go down, and stay down. Here it only wanders.",
)
def guess_second_is_sign():
    return "d"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_second_curves",
    "A malus on entropy would press it down; here it is hardly below ln 6 after nine updates.",
)
def guess_second_is_entropy():
    return "f"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_third_curves",
    "Look at the first minibatch of an update: no step was taken yet, so what should its approximate KL be?",
)
def guess_third_is_right():
    return "a"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_third_curves",
    "Then all approximate KLs would be 0, the first ones too; here even those are not.",
)
def guess_third_is_renewed():
    return "b"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_third_curves",
    "A wrong sign changes what is learnt, not the ratio before the first step; and here that is not 1.",
)
def guess_third_is_sign():
    return "d"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_third_curves",
    "Strangers' scores change the advantages, not the ratio before the first step; and here that is not 1.",
)
def guess_third_is_strangers():
    return "e"


@mistake(
    "3.20",
    "predict_curves.fault_of_the_third_curves",
    "A malus on entropy would press it down; here it stays up, and the ratio is not 1 before the first step.",
)
def guess_third_is_entropy():
    return "f"
