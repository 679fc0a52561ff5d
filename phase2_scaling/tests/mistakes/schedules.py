"""Classic wrong answers for `solution/schedules.py`."""

from shared.mistakes import mistake


@mistake(
    "2.22",
    "schedules.gpipe",
    "Each forward is followed by its own backward: the last stage can do that, any other waits there while the rest of the batch could enter.",
)
def gpipe_one_at_a_time(n_stages, n_micro, stage):
    actions = []
    for i in range(n_micro):
        actions += [Action("forward", i), Action("backward", i)]
    return actions


@mistake(
    "2.22",
    "schedules.gpipe",
    "The backward passes run from the last micro-batch to the first: the paper's figure does so, but here both kinds go from 0 up.",
)
def gpipe_backward_reversed(n_stages, n_micro, stage):
    forwards = [Action("forward", i) for i in range(n_micro)]
    return forwards + [Action("backward", i) for i in reversed(range(n_micro))]


@mistake(
    "2.22",
    "schedules.gpipe",
    "This goes through as many micro-batches as there are stages: m and p are two numbers, and m is the one to count.",
)
def gpipe_counts_stages(n_stages, n_micro, stage):
    forwards = [Action("forward", i) for i in range(n_stages)]
    return forwards + [Action("backward", i) for i in range(n_stages)]


@mistake(
    "2.22",
    "schedules.gpipe",
    "The micro-batches are dealt out to the stages: that is data parallelism. Here every one of them passes through every stage.",
)
def gpipe_deals_out(n_stages, n_micro, stage):
    own = range(stage, n_micro, n_stages)
    return [Action("forward", i) for i in own] + [Action("backward", i) for i in own]


@mistake(
    "2.22",
    "schedules.gpipe",
    "There are no backward passes: a step needs both, and the activations wait for them.",
)
def gpipe_forward_only(n_stages, n_micro, stage):
    return [Action("forward", i) for i in range(n_micro)]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "The warm-up has one forward too many: the turn of one forward, one backward begins with a forward, so one more is held than need be.",
)
def one_f_one_b_warms_up_too_long(n_stages, n_micro, stage):
    n_warmup = min(n_stages - stage, n_micro)
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_warmup, n_micro):
        actions += [Action("forward", i), Action("backward", i - n_warmup)]
    return actions + [Action("backward", i) for i in range(n_micro - n_warmup, n_micro)]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "The warm-up is a forward too short: the stages that follow stand still until the first gradient has come back.",
)
def one_f_one_b_warms_up_too_short(n_stages, n_micro, stage):
    n_warmup = min(max(n_stages - stage - 2, 0), n_micro)
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_warmup, n_micro):
        actions += [Action("forward", i), Action("backward", i - n_warmup)]
    return actions + [Action("backward", i) for i in range(n_micro - n_warmup, n_micro)]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "The warm-up grows with the stage's index: it is the stages that follow that need something to do, so the first stage warms up longest.",
)
def one_f_one_b_warms_up_backwards(n_stages, n_micro, stage):
    n_warmup = min(stage, n_micro)
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_warmup, n_micro):
        actions += [Action("forward", i), Action("backward", i - n_warmup)]
    return actions + [Action("backward", i) for i in range(n_micro - n_warmup, n_micro)]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "All stages warm up as long as the first: the later ones hold more activations than they need, and the last could go backward at once.",
)
def one_f_one_b_warms_up_alike(n_stages, n_micro, stage):
    n_warmup = min(n_stages - 1, n_micro)
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_warmup, n_micro):
        actions += [Action("forward", i), Action("backward", i - n_warmup)]
    return actions + [Action("backward", i) for i in range(n_micro - n_warmup, n_micro)]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "With fewer micro-batches than stages the warm-up runs on beyond the last micro-batch: there are only m of them.",
)
def one_f_one_b_warm_up_beyond_the_end(n_stages, n_micro, stage):
    n_warmup = n_stages - stage - 1
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_warmup, n_micro):
        actions += [Action("forward", i), Action("backward", i - n_warmup)]
    return actions + [Action("backward", i) for i in range(n_micro - n_warmup, n_micro)]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "The cool-down is missing: what the warm-up took in never goes backward, and its gradients are lost.",
)
def one_f_one_b_without_cool_down(n_stages, n_micro, stage):
    n_warmup = min(n_stages - stage - 1, n_micro)
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_warmup, n_micro):
        actions += [Action("forward", i), Action("backward", i - n_warmup)]
    return actions


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "The turn begins with the backward: the last stage would go back through a micro-batch that it has not seen yet, and all wait for ever.",
)
def one_f_one_b_backward_first(n_stages, n_micro, stage):
    n_warmup = min(n_stages - stage - 1, n_micro)
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_warmup, n_micro):
        actions += [Action("backward", i - n_warmup), Action("forward", i)]
    return actions + [Action("backward", i) for i in range(n_micro - n_warmup, n_micro)]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "The newest micro-batch goes backward first: its gradient comes from the end of the pipeline, so it is the oldest one whose turn it is.",
)
def one_f_one_b_newest_first(n_stages, n_micro, stage):
    n_warmup = min(n_stages - stage - 1, n_micro)
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_warmup, n_micro):
        actions += [Action("forward", i), Action("backward", i)]
    return actions + [Action("backward", i) for i in reversed(range(n_warmup))]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "All forwards come first: that is GPipe, and every stage holds all the m micro-batches.",
)
def one_f_one_b_is_gpipe(n_stages, n_micro, stage):
    forwards = [Action("forward", i) for i in range(n_micro)]
    return forwards + [Action("backward", i) for i in range(n_micro)]


@mistake(
    "2.22",
    "schedules.one_f_one_b",
    "After the warm-up the forwards begin at 0 again: those micro-batches are in the pipeline already.",
)
def one_f_one_b_starts_over(n_stages, n_micro, stage):
    n_warmup = min(n_stages - stage - 1, n_micro)
    actions = [Action("forward", i) for i in range(n_warmup)]
    for i in range(n_micro - n_warmup):
        actions += [Action("forward", i), Action("backward", i)]
    return actions + [Action("backward", i) for i in range(n_micro - n_warmup, n_micro)]


@mistake(
    "2.22",
    "schedules.bubble",
    "The idle time is divided by the working time: as a share of the whole step, idle slots are in the denominator too.",
)
def bubble_of_the_working_time(n_stages, n_micro):
    return (n_stages - 1) / n_micro


@mistake(
    "2.22",
    "schedules.bubble",
    "This is the share of the step in which a stage works; the bubble is the rest.",
)
def bubble_is_the_efficiency(n_stages, n_micro):
    return n_micro / (n_micro + n_stages - 1)


@mistake(
    "2.22",
    "schedules.bubble",
    "One slot too many is idle: a single stage waits for nobody, so p = 1 must give 0.",
)
def bubble_of_p_slots(n_stages, n_micro):
    return n_stages / (n_micro + n_stages - 1)


@mistake(
    "2.22",
    "schedules.bubble",
    "The step is a slot too long: when the last stage starts, p - 1 slots have passed, and m follow.",
)
def bubble_of_a_longer_step(n_stages, n_micro):
    return (n_stages - 1) / (n_micro + n_stages)


@mistake(
    "2.22",
    "schedules.bubble",
    "Filling and draining are counted as p - 1 whole slots each: filling costs p - 1 forwards, draining p - 1 backwards, together p - 1 slots of both.",
)
def bubble_counted_twice(n_stages, n_micro):
    return 2 * (n_stages - 1) / (n_micro + 2 * (n_stages - 1))


@mistake(
    "2.22",
    "schedules.bubble",
    "Stages and micro-batches are exchanged: more stages make the bubble larger, more micro-batches smaller.",
)
def bubble_exchanged(n_stages, n_micro):
    return (n_micro - 1) / (n_micro + n_stages - 1)
