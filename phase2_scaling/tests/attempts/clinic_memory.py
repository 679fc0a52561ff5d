"""The mistakes of `mistakes/clinic_memory.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def score(model, tokens):
    logits, loss = model(tokens[..., :-1], tokens[..., 1:])
    return loss


def idle(model, tokens):
    model.eval()
    loss = score(model, tokens)
    model.train()
    return loss


@torch.no_grad()
def look(model, tokens):
    return idle(model, tokens).item()


def move(model, lr):
    with torch.no_grad():
        for p in model.parameters():
            p -= lr * p.grad
    model.zero_grad()


def learn(model, tokens, lr):
    loss = score(model, tokens)
    torch.autograd.backward(loss)
    move(model, lr)
    return loss


def run(model, rows, held_out, every, evaluate, learn):
    """Return what `evaluate` gives of what is held out, and `learn` of each step's rows."""
    losses, validation = [], []
    for i in range(len(rows)):
        if not i % every:
            validation += [evaluate(model, held_out)]
        losses += [learn(model, rows[i])]
    return losses, validation


def floats(record):
    return tuple([float(loss) for loss in part] for part in record)


@attempt("train_keeps_every_loss")
def _(model, rows, held_out, lr, every):
    def evaluate(model, tokens):
        return idle(model, tokens).clone()  # a copy, with the history of the original

    return floats(run(model, rows, held_out, every, evaluate, lambda m, x: learn(m, x, lr)))


@attempt("train_mends_the_steps")
def _(model, rows, held_out, lr, every):
    def step(model, tokens):
        return float(learn(model, tokens, lr))

    return floats(run(model, rows, held_out, every, idle, step))


@attempt("train_mends_the_evaluations")
def _(model, rows, held_out, lr, every):
    return floats(run(model, rows, held_out, every, look, lambda m, x: learn(m, x, lr)))


@attempt("train_writes_into_a_tensor")
def _(model, rows, held_out, lr, every):
    record = torch.full((2, len(rows)), torch.nan, dtype=torch.float64)
    for i, tokens in enumerate(rows):
        if i % every == 0:
            record[1, i] = idle(model, held_out)
        record[0, i] = learn(model, tokens, lr)
    return record[0].tolist(), record[1, ::every].tolist()


@attempt("train_collects_garbage")
def _(model, rows, held_out, lr, every):
    import gc

    def step(model, tokens):
        loss = learn(model, tokens, lr)
        gc.collect()
        return loss

    return floats(run(model, rows, held_out, every, idle, step))


@attempt("train_detaches_afterwards")
def _(model, rows, held_out, lr, every):
    def evaluate(model, tokens):
        return idle(model, tokens).detach()

    return floats(run(model, rows, held_out, every, evaluate, lambda m, x: learn(m, x, lr).data))


@attempt("train_lets_go_in_bundles")
def _(model, rows, held_out, lr, every):
    losses, validation, waiting = [], [], []
    for i, tokens in enumerate(rows):
        if i % every == 0:
            waiting.append(idle(model, held_out))
        losses.append(learn(model, tokens, lr).item())
        if i % (3 * every) == 0:
            validation.extend(loss.item() for loss in waiting)
            waiting.clear()
    return losses, validation + [loss.item() for loss in waiting]


@attempt("train_sends_evaluations_backward")
def _(model, rows, held_out, lr, every):
    def evaluate(model, tokens):
        loss = idle(model, tokens)
        loss.backward()
        return loss.detach()

    def step(model, tokens):
        return learn(model, tokens, lr).detach()

    return floats(run(model, rows, held_out, every, evaluate, step))


@attempt("train_stays_in_evaluation_mode")
def _(model, rows, held_out, lr, every):
    def evaluate(model, tokens):
        with torch.inference_mode():
            return score(model.train(False), tokens).item()

    return floats(run(model, rows, held_out, every, evaluate, lambda m, x: learn(m, x, lr).item()))


@attempt("train_evaluates_with_dropout")
def _(model, rows, held_out, lr, every):
    def evaluate(model, tokens):
        with torch.inference_mode():
            return score(model, tokens).item()

    return floats(run(model, rows, held_out, every, evaluate, lambda m, x: learn(m, x, lr).item()))


@attempt("train_evaluates_one_row")
def _(model, rows, held_out, lr, every):
    record = run(model, rows, held_out[0:1], every, idle, lambda m, x: learn(m, x, lr).item())
    return floats(record)


@attempt("train_measures_again")
def _(model, rows, held_out, lr, every):
    def step(model, tokens):
        learn(model, tokens, lr)
        return score(model, tokens).item()

    return floats(run(model, rows, held_out, every, look, step))


@attempt("train_clears_before_the_step")
def _(model, rows, held_out, lr, every):
    def step(model, tokens):
        loss = score(model, tokens)
        for p in model.parameters():
            p.grad = None
        loss.backward()
        for p in model.parameters():
            p.data -= lr * p.grad
        return loss.item()

    return run(model, rows, held_out, every, look, step)


@attempt("train_never_clears")
def _(model, rows, held_out, lr, every):
    def step(model, tokens):
        loss = score(model, tokens)
        loss.backward()
        for p in model.parameters():
            p.data -= lr * p.grad
        return loss.item()

    return run(model, rows, held_out, every, look, step)


@attempt("train_returns_tensors")
def _(model, rows, held_out, lr, every):
    with torch.enable_grad():
        losses, validation = run(
            model, rows, held_out, every, look, lambda m, x: learn(m, x, lr).data
        )
    return losses, list(torch.tensor(validation, dtype=torch.float64))


@attempt("train_cause_blames_the_steps")
def _():
    return "A"


@attempt("train_cause_blames_the_gradients")
def _():
    return "b".strip()


@attempt("train_cause_blames_circles")
def _():
    letters = "abcdef"
    return letters[2]


@attempt("train_cause_blames_copies")
def _():
    return "E".lower()


@attempt("train_cause_blames_the_allocator")
def _():
    return "abcdef"[-1]
