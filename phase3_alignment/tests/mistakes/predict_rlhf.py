"""Classic wrong guesses for `solution/predict_rlhf.py`."""

from shared.mistakes import mistake


@mistake(
    "3.15",
    "predict_rlhf.loss_at_equal_scores",
    "No opinion is not a right opinion: half of the time somebody preferred the other one, and that is a surprise.",
)
def guess_equal_scores_nothing():
    return 0


@mistake(
    "3.15",
    "predict_rlhf.loss_at_equal_scores",
    "A half is the probability of being right; the loss is minus its natural log.",
)
def guess_equal_scores_a_half():
    return 0.5


@mistake(
    "3.15",
    "predict_rlhf.loss_at_equal_scores",
    "One bit, indeed; in nats a bit is less.",
)
def guess_equal_scores_a_bit():
    return 1


@mistake(
    "3.15",
    "predict_rlhf.loss_at_equal_scores",
    "That is a squared error, (1 - 1/2)^2; the loss is the log of a probability.",
)
def guess_equal_scores_squared():
    return 0.25


@mistake(
    "3.15",
    "predict_rlhf.loss_at_equal_scores",
    "That is the sum over the eight pairs; the loss is their mean.",
)
def guess_equal_scores_summed():
    return 5.545


@mistake(
    "3.15",
    "predict_rlhf.divergence_of_best_of_16",
    "ln 16 is what you would pay for one certain answer in 16. The best of 16 is not always the same one: it is less.",
)
def guess_best_of_16_log():
    return 2.77


@mistake(
    "3.15",
    "predict_rlhf.divergence_of_best_of_16",
    "Four bits would be one certain answer out of 16; here nats are asked for, and it is less than that.",
)
def guess_best_of_16_bits():
    return 4


@mistake(
    "3.15",
    "predict_rlhf.divergence_of_best_of_16",
    "Sixteen is the most that a probability can grow; its log, averaged over what you keep, is the divergence.",
)
def guess_best_of_16_times():
    return 16


@mistake(
    "3.15",
    "predict_rlhf.divergence_of_best_of_16",
    "15/16 is what is taken off ln 16 because the best answer is another one each time.",
)
def guess_best_of_16_correction():
    return 0.9375


@mistake(
    "3.15",
    "predict_rlhf.divergence_of_best_of_16",
    "Each answer is the model's own, but you do not keep each: good ones come 16 times as often as they did.",
)
def guess_best_of_16_nothing():
    return 0


@mistake(
    "3.15",
    "predict_rlhf.divergence_of_best_of_16",
    "That is KL(the model || what you keep): bad answers are all but gone, and weigh heavily there.",
)
def guess_best_of_16_other_way():
    return 12.2


@mistake(
    "3.15",
    "predict_rlhf.loss_of_the_first_minibatch",
    "A loss is to be made small and advantages large: there is a minus before the mean.",
)
def guess_first_minibatch_sign():
    return 0.5


@mistake(
    "3.15",
    "predict_rlhf.loss_of_the_first_minibatch",
    "The ratio is 1, not 0: its log is 0, but it is the ratio that multiplies the advantage.",
)
def guess_first_minibatch_nothing():
    return 0


@mistake(
    "3.15",
    "predict_rlhf.loss_of_the_first_minibatch",
    "That is the sum; the loss is the mean over the tokens.",
)
def guess_first_minibatch_summed():
    return -2


@mistake(
    "3.15",
    "predict_rlhf.loss_of_the_first_minibatch",
    "Nothing is clipped yet: the policy is the one that sampled, so all ratios are 1.",
)
def guess_first_minibatch_clipped():
    return -0.6


@mistake(
    "3.15",
    "predict_rlhf.loss_of_the_first_minibatch",
    "Bad tokens count with their sign: their advantages are negative.",
)
def guess_first_minibatch_absolute():
    return -1.5


@mistake(
    "3.15",
    "predict_rlhf.loss_of_the_first_minibatch",
    "Tokens with a negative advantage count as well; pushing them down is half of the learning.",
)
def guess_first_minibatch_positive():
    return -1


@mistake(
    "3.15",
    "predict_rlhf.pull_on_a_token_out_of_range",
    "The clip spares what has gone far in a good direction. This went in a bad one, and the min calls it back.",
)
def guess_out_of_range_nothing():
    return 0


@mistake(
    "3.15",
    "predict_rlhf.pull_on_a_token_out_of_range",
    "The derivative of the ratio by the log-probability is the ratio itself: 1.3 times as much.",
)
def guess_out_of_range_without_ratio():
    return 2


@mistake(
    "3.15",
    "predict_rlhf.pull_on_a_token_out_of_range",
    "1.2 is what a clipped ratio would be, and then there would be no gradient at all; the min takes the other one.",
)
def guess_out_of_range_clipped():
    return 2.4


@mistake(
    "3.15",
    "predict_rlhf.pull_on_a_token_out_of_range",
    "Loss is minus ratio times advantage, and the advantage is negative; the gradient must make the token less likely.",
)
def guess_out_of_range_sign():
    return -2.6


@mistake(
    "3.15",
    "predict_rlhf.pull_on_a_token_out_of_range",
    "The advantage is missing: a token that is twice as bad is pushed twice as hard.",
)
def guess_out_of_range_ratio():
    return 1.3


@mistake(
    "3.15",
    "predict_rlhf.pull_at_the_start_of_dpo",
    "The margin is 0, but that is no minimum: the loss would fall if the chosen answer grew likelier.",
)
def guess_dpo_start_nothing():
    return 0


@mistake(
    "3.15",
    "predict_rlhf.pull_at_the_start_of_dpo",
    "Minus beta is where it goes for a pair that is ranked all wrong; an undecided one pulls half as hard.",
)
def guess_dpo_start_without_sigmoid():
    return -0.1


@mistake(
    "3.15",
    "predict_rlhf.pull_at_the_start_of_dpo",
    "Beta is missing: it multiplies the log-ratio inside the sigmoid, and so the gradient.",
)
def guess_dpo_start_without_beta():
    return -0.5


@mistake(
    "3.15",
    "predict_rlhf.pull_at_the_start_of_dpo",
    "The loss falls when the chosen answer grows likelier, so the gradient is negative.",
)
def guess_dpo_start_sign():
    return 0.05


@mistake(
    "3.15",
    "predict_rlhf.pull_at_the_start_of_dpo",
    "That is the loss, ln 2; its slope is asked for.",
)
def guess_dpo_start_loss():
    return 0.693


@mistake(
    "3.15",
    "predict_rlhf.growth_of_the_coefficient",
    "Steps of 2 % build on each other: multiply, do not add.",
)
def guess_growth_adds():
    return 3


@mistake(
    "3.15",
    "predict_rlhf.growth_of_the_coefficient",
    "The error is 2, ten times what the controller lets pass: it is clipped to 0.2.",
)
def guess_growth_unclipped():
    return 8.28e7


@mistake(
    "3.15",
    "predict_rlhf.growth_of_the_coefficient",
    "Too much KL is made dearer: beta grows.",
)
def guess_growth_wrong_way():
    return 0.1326


@mistake(
    "3.15",
    "predict_rlhf.growth_of_the_coefficient",
    "That is one batch; there were a hundred.",
)
def guess_growth_one_step():
    return 1.02


@mistake(
    "3.15",
    "predict_rlhf.growth_of_the_coefficient",
    "k_beta itself is not the step: the error of 0.2 multiplies it.",
)
def guess_growth_ten_percent():
    return 13780
