"""The mistakes of `mistakes/constitution.py`, as others would write them."""

import math

from phase3_alignment.solution.constitution import (
    OPTIONS,
    Step,
    critique_prompt,
    preference_prompt,
    revision_prompt,
    says_first,
)
from shared.mistakes import attempt


@attempt("critique_prompt_asks_to_revise")
def _(question, answer, principle):
    return (
        f"Question: {question}\n\nAnswer: {answer}\n\n"
        f"Critique request: {principle.revision}\n\nCritique:"
    )


@attempt("critique_prompt_swapped")
def _(question, answer, principle):
    return (
        f"Question: {answer}\n\nAnswer: {question}\n\n"
        f"Critique request: {principle.critique}\n\nCritique:"
    )


@attempt("critique_prompt_in_turn")
def _(question, answer, principle):
    prompt = "Question: {question}\n\nAnswer: {answer}\n\nCritique request: {critique_request}"
    for key, text in [
        ("{question}", question),
        ("{answer}", answer),
        ("{critique_request}", principle.critique),
    ]:
        prompt = text.join(prompt.split(key))
    return prompt + "\n\nCritique:"


@attempt("critique_prompt_of_a_name")
def _(question, answer, principle):
    parts = [f"Question: {question}", f"Answer: {answer}", f"Critique request: {principle.name}"]
    return "\n\n".join([*parts, "Critique:"])


def _revision(question, answer, request, critique, revision_request):
    parts = [f"Question: {question}", f"Answer: {answer}", f"Critique request: {request}"]
    parts += [f"Critique: {critique}", f"Revision request: {revision_request}", "Revision:"]
    return "\n\n".join(parts)


@attempt("revision_prompt_without_critique")
def _(question, answer, critique, principle):
    return _revision(question, answer, principle.critique, "", principle.revision)


@attempt("revision_prompt_requests_swapped")
def _(question, answer, critique, principle):
    return _revision(question, answer, principle.revision, critique, principle.critique)


@attempt("revision_prompt_asks_to_criticise")
def _(question, answer, critique, principle):
    return _revision(question, answer, principle.critique, critique, principle.critique)


@attempt("revision_prompt_in_turn")
def _(question, answer, critique, principle):
    prompt = _revision(
        "{question}", "{answer}", "{critique_request}", "{critique}", "{revision_request}"
    )
    prompt = prompt.replace("{question}", question)
    prompt = prompt.replace("{answer}", answer)
    prompt = prompt.replace("{critique_request}", principle.critique)
    prompt = prompt.replace("{critique}", critique)
    return prompt.replace("{revision_request}", principle.revision)


@attempt("revise_the_draft_again")
def _(question, draft, principles, write):
    def one(p):
        c = write(critique_prompt(question, draft, p)).strip()
        return Step(p.name, draft, c, write(revision_prompt(question, draft, c, p)).strip())

    return [one(p) for p in principles]


@attempt("revise_with_old_critiques")
def _(question, draft, principles, write):
    found = {p.name: write(critique_prompt(question, draft, p)).strip() for p in principles}
    log = []
    for p in principles:
        now = log[-1].revision if log else draft
        new = write(revision_prompt(question, now, found[p.name], p)).strip()
        log.append(Step(principle=p.name, answer=now, critique=found[p.name], revision=new))
    return log


@attempt("revise_keeps_white_space")
def _(question, draft, principles, write):
    log = []
    for p in principles:
        now = log[-1].revision if log else draft
        c = write(critique_prompt(question, now, p))
        log.append(Step(p.name, now, c, write(revision_prompt(question, now, c, p))))
    return log


@attempt("revise_forgets_the_answer")
def _(question, draft, principles, write):
    log, now = [], draft
    for p in principles:
        c = write(critique_prompt(question, now, p)).strip()
        now = write(revision_prompt(question, now, c, p)).strip()
        log.append(Step(principle=p.name, answer=now, critique=c, revision=now))
    return log


@attempt("revise_returns_the_last")
def _(question, draft, principles, write):
    log = []
    for p in principles:
        now = log[-1].revision if log else draft
        c = write(critique_prompt(question, now, p)).strip()
        log.append(Step(p.name, now, c, write(revision_prompt(question, now, c, p)).strip()))
    return log[-1:]


@attempt("training_pair_with_critique")
def _(question, steps):
    return question, "\n\n".join([steps[-1].critique, steps[-1].revision])


@attempt("training_pair_with_the_dialogue")
def _(question, steps):
    *_, step = steps
    return "\n\n".join([question, step.answer, step.critique]), step.revision


@attempt("training_pair_of_the_draft")
def _(question, steps):
    first, *_ = steps
    return (question, first.answer)


@attempt("training_pair_of_the_first_revision")
def _(question, steps):
    first = next(iter(steps))
    return (question, first.revision)


@attempt("training_pair_one_round_early")
def _(question, steps):
    *_, step = steps
    return (question, step.answer)


def _ask(question, first, second, principle, judge):
    a, b = judge(preference_prompt(question, first, second, principle), OPTIONS)
    return float(a), float(b)


@attempt("says_first_not_normalised")
def _(question, first, second, principle, judge):
    return math.exp(_ask(question, first, second, principle, judge)[0])


@attempt("says_first_underflows")
def _(question, first, second, principle, judge):
    a, b = map(math.exp, _ask(question, first, second, principle, judge))
    return a / (a + b) if a + b else math.nan


@attempt("says_first_of_the_second")
def _(question, first, second, principle, judge):
    a, b = _ask(question, first, second, principle, judge)
    return 1 / (1 + math.exp(a - b))


@attempt("says_first_of_logarithms")
def _(question, first, second, principle, judge):
    a, b = _ask(question, first, second, principle, judge)
    return a / (a + b) if a != -b else 0.5


@attempt("says_first_hard")
def _(question, first, second, principle, judge):
    a, b = _ask(question, first, second, principle, judge)
    return 1.0 if a > b else 0.0


@attempt("preference_in_one_order")
def _(question, one, other, principle, judge):
    p = says_first(question, one, other, principle, judge)
    return p


@attempt("preference_not_turned_back")
def _(question, one, other, principle, judge):
    return 0.5 * sum(
        says_first(question, x, y, principle, judge) for x, y in [(one, other), (other, one)]
    )


@attempt("preference_same_order_twice")
def _(question, one, other, principle, judge):
    p = [says_first(question, one, other, principle, judge) for _ in range(2)]
    return (p[0] + 1 - p[1]) / 2


@attempt("preference_of_the_other")
def _(question, one, other, principle, judge):
    p = says_first(question, other, one, principle, judge)
    q = says_first(question, one, other, principle, judge)
    return 0.5 + 0.5 * (p - q)


@attempt("preference_multiplied")
def _(question, one, other, principle, judge):
    p = says_first(question, one, other, principle, judge)
    q = says_first(question, other, one, principle, judge)
    odds = p / (1 - p) * (1 - q) / q
    return odds / (1 + odds)


@attempt("says_first_divides_by_zero")
def _(question, first, second, principle, judge):
    p = [math.exp(x) for x in judge(preference_prompt(question, first, second, principle), OPTIONS)]
    return p[0] / sum(p)
