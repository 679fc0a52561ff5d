"""Classic wrong guesses for `solution/predict_laws.py`."""

from shared.mistakes import mistake


@mistake(
    "2.2",
    "predict_laws.work_for_a_tenth_less_loss",
    "A tenth more work for a tenth less loss is a straight line; this law's exponent is a twentieth.",
)
def guess_tenth_linear():
    return 1.1


@mistake(
    "2.2",
    "predict_laws.work_for_a_tenth_less_loss",
    "Ten times the work takes the loss down by 10^-0.05, that is by 11 %: a little too much.",
)
def guess_tenth_ten():
    return 10


@mistake(
    "2.2",
    "predict_laws.work_for_a_tenth_less_loss",
    "That is 0.9^-0.05. Turn the law round: C is the loss to the power of one over 0.05.",
)
def guess_tenth_exponent_not_turned():
    return 1.0053


@mistake(
    "2.2",
    "predict_laws.work_for_a_tenth_less_loss",
    "Twenty is one over the exponent; it is a power here, not a factor.",
)
def guess_tenth_twenty():
    return 20


@mistake(
    "2.2",
    "predict_laws.work_for_a_tenth_less_loss",
    "That is 1.1^20, for a loss which is 1/1.1 of the old one; a tenth less is 0.9 of it.",
)
def guess_tenth_of_the_other_end():
    return 6.73


@mistake(
    "2.2",
    "predict_laws.work_for_a_tenth_less_loss",
    "That would be an exponent of a half, as if four times the work halved the loss.",
)
def guess_tenth_square_root():
    return 1.23


@mistake(
    "2.2",
    "predict_laws.slope_above_a_floor",
    "That is how the part above the floor falls; the floor, which is most of the loss, does not move.",
)
def guess_slope_of_the_term():
    return 0.34


@mistake(
    "2.2",
    "predict_laws.slope_above_a_floor",
    "That is Kaplan et al.'s measured exponent, on other models and another text; put the two sizes into this law.",
)
def guess_slope_of_kaplan():
    return 0.076


@mistake(
    "2.2",
    "predict_laws.slope_above_a_floor",
    "That is the difference of the two losses; log-log paper shows the logarithm of their ratio.",
)
def guess_slope_in_nats():
    return 0.192


@mistake(
    "2.2",
    "predict_laws.slope_above_a_floor",
    "That is the natural logarithm of the losses' ratio; divide it by that of the sizes' ratio.",
)
def guess_slope_of_one_axis():
    return 0.0987


@mistake(
    "2.2",
    "predict_laws.slope_above_a_floor",
    "The line falls, and alpha is counted positive: L = c / N^alpha.",
)
def guess_slope_falling():
    return -0.0429


@mistake(
    "2.2",
    "predict_laws.slope_above_a_floor",
    "Both losses are above the floor, and the larger model's is 9 % lower: the line has a slope.",
)
def guess_slope_flat():
    return 0


@mistake(
    "2.5",
    "predict_laws.growth_of_the_model",
    "All into the model, on the same tokens: then the data's term stays as it is and soon outweighs the other.",
)
def guess_growth_all_parameters():
    return 100


@mistake(
    "2.5",
    "predict_laws.growth_of_the_model",
    "That is Kaplan et al.'s exponent, 0.73, found on small models without their embeddings.",
)
def guess_growth_of_kaplan():
    return 28.8


@mistake(
    "2.5",
    "predict_laws.growth_of_the_model",
    "Twenty is a rule for tokens per parameter; it says nothing of how both grow.",
)
def guess_growth_twenty():
    return 20


@mistake(
    "2.5",
    "predict_laws.growth_of_the_model",
    "Half of it for the model and half for the data: growth multiplies, and ten times ten is a hundred.",
)
def guess_growth_half():
    return 50


@mistake(
    "2.5",
    "predict_laws.growth_of_the_model",
    "That is 100^beta: the exponent of the best size is beta / (alpha + beta), about a half.",
)
def guess_growth_with_beta():
    return 5.4


@mistake(
    "2.5",
    "predict_laws.growth_of_the_model",
    "A third power would be for three things growing alike; here there are two, N and D.",
)
def guess_growth_cube_root():
    return 4.64


@mistake(
    "2.5",
    "predict_laws.work_of_half_the_size",
    "Twice the tokens on half the size is the same work, and a little too few tokens: you are off the optimum, so it costs more.",
)
def guess_half_size_for_free():
    return 1


@mistake(
    "2.5",
    "predict_laws.work_of_half_the_size",
    "Twice the work is far too much: near its lowest point a valley is flat.",
)
def guess_half_size_twice_the_work():
    return 2


@mistake(
    "2.5",
    "predict_laws.work_of_half_the_size",
    "That is how many times the tokens; each of them costs half as much.",
)
def guess_half_size_tokens():
    return 2.5


@mistake(
    "2.5",
    "predict_laws.work_of_half_the_size",
    "Half the work is the same tokens on half the size; that model is worse, it has to read more.",
)
def guess_half_size_half_the_work():
    return 0.5


@mistake(
    "2.5",
    "predict_laws.work_of_half_the_size",
    "A half more is too much: the size's own term grows by a quarter only, and the loss counts both terms.",
)
def guess_half_size_half_more():
    return 1.5
