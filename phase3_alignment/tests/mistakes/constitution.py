"""Classic wrong answers for `solution/constitution.py`."""

import math

import torch

from phase3_alignment.solution.constitution import (
    CRITIQUE,
    OPTIONS,
    REVISION,
    Step,
    critique_prompt,
    preference_prompt,
    revision_prompt,
    says_first,
)
from shared.mistakes import mistake


@mistake(
    "3.24",
    "constitution.critique_prompt",
    "That asks with the principle's request for a revision; a critique has a request of its own.",
)
def critique_prompt_asks_to_revise(question, answer, principle):
    return CRITIQUE.format(question=question, answer=answer, critique_request=principle.revision)


@mistake(
    "3.24",
    "constitution.critique_prompt",
    "Question and answer have changed places: the model would criticise the user.",
)
def critique_prompt_swapped(question, answer, principle):
    return CRITIQUE.format(question=answer, answer=question, critique_request=principle.critique)


@mistake(
    "3.24",
    "constitution.critique_prompt",
    "The texts are put in one after the other, so a question that contains {answer} is filled in too. Fill in all at once.",
)
def critique_prompt_in_turn(question, answer, principle):
    prompt = CRITIQUE.replace("{question}", question).replace("{answer}", answer)
    return prompt.replace("{critique_request}", principle.critique)


@mistake(
    "3.24",
    "constitution.critique_prompt",
    "Only the principle's name is in the prompt; the model has to read its request.",
)
def critique_prompt_of_a_name(question, answer, principle):
    return CRITIQUE.format(question=question, answer=answer, critique_request=principle.name)


@mistake(
    "3.24",
    "constitution.revision_prompt",
    "The critique is left out, and the model has to revise without knowing what was wrong.",
)
def revision_prompt_without_critique(question, answer, critique, principle):
    return REVISION.format(
        question=question,
        answer=answer,
        critique_request=principle.critique,
        critique="",
        revision_request=principle.revision,
    )


@mistake(
    "3.24",
    "constitution.revision_prompt",
    "The two requests have changed places.",
)
def revision_prompt_requests_swapped(question, answer, critique, principle):
    return REVISION.format(
        question=question,
        answer=answer,
        critique_request=principle.revision,
        critique=critique,
        revision_request=principle.critique,
    )


@mistake(
    "3.24",
    "constitution.revision_prompt",
    "A revision is asked for with the request for a critique; each has its own.",
)
def revision_prompt_asks_to_criticise(question, answer, critique, principle):
    return REVISION.format(
        question=question,
        answer=answer,
        critique_request=principle.critique,
        critique=critique,
        revision_request=principle.critique,
    )


@mistake(
    "3.24",
    "constitution.revision_prompt",
    "The texts are put in one after the other, so braces in what somebody wrote are filled in as well. Fill in all at once.",
)
def revision_prompt_in_turn(question, answer, critique, principle):
    texts = {
        "question": question,
        "answer": answer,
        "critique_request": principle.critique,
        "critique": critique,
        "revision_request": principle.revision,
    }
    prompt = REVISION
    for name, text in texts.items():
        prompt = prompt.replace("{" + name + "}", text)
    return prompt


@mistake(
    "3.24",
    "constitution.revise",
    "Every round starts from the draft, so only the last principle has a say; it starts from the last revision.",
)
def revise_the_draft_again(question, draft, principles, write):
    steps = []
    for principle in principles:
        critique = write(critique_prompt(question, draft, principle)).strip()
        revision = write(revision_prompt(question, draft, critique, principle)).strip()
        steps.append(Step(principle.name, draft, critique, revision))
    return steps


@mistake(
    "3.24",
    "constitution.revise",
    "All critiques are of the draft, and are written before the first revision; each round criticises what it found.",
)
def revise_with_old_critiques(question, draft, principles, write):
    critiques = [write(critique_prompt(question, draft, p)).strip() for p in principles]
    steps, answer = [], draft
    for principle, critique in zip(principles, critiques):
        revision = write(revision_prompt(question, answer, critique, principle)).strip()
        steps.append(Step(principle.name, answer, critique, revision))
        answer = revision
    return steps


@mistake(
    "3.24",
    "constitution.revise",
    "The white space that the writer puts around its texts stays in, and would be trained on.",
)
def revise_keeps_white_space(question, draft, principles, write):
    steps, answer = [], draft
    for principle in principles:
        critique = write(critique_prompt(question, answer, principle))
        revision = write(revision_prompt(question, answer, critique, principle))
        steps.append(Step(principle.name, answer, critique, revision))
        answer = revision
    return steps


@mistake(
    "3.24",
    "constitution.revise",
    "The step keeps the revision in both places; its `answer` is what the round began with.",
)
def revise_forgets_the_answer(question, draft, principles, write):
    steps, answer = [], draft
    for principle in principles:
        critique = write(critique_prompt(question, answer, principle)).strip()
        answer = write(revision_prompt(question, answer, critique, principle)).strip()
        steps.append(Step(principle.name, answer, critique, answer))
    return steps


@mistake(
    "3.24",
    "constitution.revise",
    "Only the last step is returned; the whole run is to be read and replayed.",
)
def revise_returns_the_last(question, draft, principles, write):
    steps, answer = [], draft
    for principle in principles:
        critique = write(critique_prompt(question, answer, principle)).strip()
        revision = write(revision_prompt(question, answer, critique, principle)).strip()
        steps = [Step(principle.name, answer, critique, revision)]
        answer = revision
    return steps


@mistake(
    "3.24",
    "constitution.training_pair",
    "The critique is in the target: the model would learn to scold itself in front of the user.",
)
def training_pair_with_critique(question, steps):
    last = steps[-1]
    return question, f"{last.critique}\n\n{last.revision}"


@mistake(
    "3.24",
    "constitution.training_pair",
    "The draft and its critique are in the prompt: no user will write them. The prompt is the question alone.",
)
def training_pair_with_the_dialogue(question, steps):
    last = steps[-1]
    return f"{question}\n\n{last.answer}\n\n{last.critique}", last.revision


@mistake(
    "3.24",
    "constitution.training_pair",
    "That is the draft, which the whole effort was to mend.",
)
def training_pair_of_the_draft(question, steps):
    return question, steps[0].answer


@mistake(
    "3.24",
    "constitution.training_pair",
    "That is the first revision; later principles have mended more.",
)
def training_pair_of_the_first_revision(question, steps):
    return question, steps[0].revision


@mistake(
    "3.24",
    "constitution.training_pair",
    "That is the answer with which the last round began, not the one with which it ended.",
)
def training_pair_one_round_early(question, steps):
    return question, steps[-1].answer


@mistake(
    "3.24",
    "constitution.says_first",
    "The probability is not normalised: what the judge would say besides A and B takes its share.",
)
def says_first_not_normalised(question, first, second, principle, judge):
    a, _ = judge(preference_prompt(question, first, second, principle), OPTIONS)
    return math.exp(a)


@mistake(
    "3.24",
    "constitution.says_first",
    "Both probabilities are 0 at log-probabilities of -2000, and 0 / 0 is no answer; softmax takes the largest off first.",
)
def says_first_underflows(question, first, second, principle, judge):
    logprobs = judge(preference_prompt(question, first, second, principle), OPTIONS)
    p = torch.as_tensor(logprobs, dtype=torch.float64).exp()
    return (p[0] / p.sum()).item()


@mistake(
    "3.24",
    "constitution.says_first",
    "That is the probability of B.",
)
def says_first_of_the_second(question, first, second, principle, judge):
    logprobs = judge(preference_prompt(question, first, second, principle), OPTIONS)
    return torch.as_tensor(logprobs, dtype=torch.float64).softmax(0)[1].item()


@mistake(
    "3.24",
    "constitution.says_first",
    "Log-probabilities are divided as if they were probabilities; take them as logits of a softmax.",
)
def says_first_of_logarithms(question, first, second, principle, judge):
    a, b = judge(preference_prompt(question, first, second, principle), OPTIONS)
    return float(a / (a + b)) if a + b else 0.5


@mistake(
    "3.24",
    "constitution.says_first",
    "A label of 0 or 1: how sure the judge is gets lost. Keep the probability.",
)
def says_first_hard(question, first, second, principle, judge):
    a, b = judge(preference_prompt(question, first, second, principle), OPTIONS)
    return float(a > b)


@mistake(
    "3.24",
    "constitution.preference",
    "The judge is asked in one order only: one that likes the letter A prefers whatever comes first.",
)
def preference_in_one_order(question, one, other, principle, judge):
    return says_first(question, one, other, principle, judge)


@mistake(
    "3.24",
    "constitution.preference",
    "In the second order `one` is answer B: its probability there is 1 minus that of A.",
)
def preference_not_turned_back(question, one, other, principle, judge):
    first = says_first(question, one, other, principle, judge)
    second = says_first(question, other, one, principle, judge)
    return (first + second) / 2


@mistake(
    "3.24",
    "constitution.preference",
    "The same order twice: the answers have to change places, or nothing is learnt of the bias.",
)
def preference_same_order_twice(question, one, other, principle, judge):
    first = says_first(question, one, other, principle, judge)
    second = 1 - says_first(question, one, other, principle, judge)
    return (first + second) / 2


@mistake(
    "3.24",
    "constitution.preference",
    "That is the probability that `other` is better.",
)
def preference_of_the_other(question, one, other, principle, judge):
    first = says_first(question, one, other, principle, judge)
    second = 1 - says_first(question, other, one, principle, judge)
    return 1 - (first + second) / 2


@mistake(
    "3.24",
    "constitution.preference",
    "The two probabilities are multiplied and normalised, as if two judges had spoken; it is one judge twice: their mean.",
)
def preference_multiplied(question, one, other, principle, judge):
    first = says_first(question, one, other, principle, judge)
    second = 1 - says_first(question, other, one, principle, judge)
    both = first * second
    return both / (both + (1 - first) * (1 - second))


@mistake(
    "3.24",
    "constitution.says_first",
    "e^-2000 is 0 in any float, so this divides 0 by 0; only the difference of the two log-probabilities matters.",
)
def says_first_divides_by_zero(question, first, second, principle, judge):
    one, other = judge(preference_prompt(question, first, second, principle), OPTIONS)
    return math.exp(one) / (math.exp(one) + math.exp(other))
