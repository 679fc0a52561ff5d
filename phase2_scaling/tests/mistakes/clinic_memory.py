"""What `solution/clinic_memory.py` suffered from, and half-cures."""

import gc

import torch

from shared.mistakes import mistake


@mistake(
    "2.11",
    "clinic_memory.train",
    "Every evaluation leaves more behind than a number: what was it that the loop kept, and what hangs on that?",
)
def train_keeps_every_loss(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            loss = model(held_out[:, :-1], held_out[:, 1:])[1]
            validation.append(loss)
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss)
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return [loss.item() for loss in losses], [loss.item() for loss in validation]


@mistake(
    "2.11",
    "clinic_memory.train",
    "The losses of the steps are numbers now, but they were light: a backward pass lets go what it has used. Which loss never goes backward?",
)
def train_mends_the_steps(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            loss = model(held_out[:, :-1], held_out[:, 1:])[1]
            validation.append(loss)
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return losses, [loss.item() for loss in validation]


@mistake(
    "2.11",
    "clinic_memory.train",
    "The tensors are gone, but not the graphs: each step's loss still holds the nodes that made it. They are small, and there is one more at every step.",
)
def train_mends_the_evaluations(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            with torch.no_grad():
                loss = model(held_out[:, :-1], held_out[:, 1:])[1]
            validation.append(loss.item())
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss)
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return [loss.item() for loss in losses], validation


@mistake(
    "2.11",
    "clinic_memory.train",
    "A tensor that a loss is written into takes over its history: room for all numbers from the start, and still a graph more each time.",
)
def train_writes_into_a_tensor(model, rows, held_out, lr, every):
    losses = torch.zeros(len(rows), dtype=torch.float64)
    validation = torch.zeros(len(range(0, len(rows), every)), dtype=torch.float64)
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            validation[step // every] = model(held_out[:, :-1], held_out[:, 1:])[1]
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses[step] = loss
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return losses.tolist(), validation.tolist()


@mistake(
    "2.11",
    "clinic_memory.train",
    "The collector frees what nobody can reach any more. What grows here can be reached: somebody still has it in hand.",
)
def train_collects_garbage(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            loss = model(held_out[:, :-1], held_out[:, 1:])[1]
            validation.append(loss)
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss)
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
        del loss
        gc.collect()
    return [loss.item() for loss in losses], [loss.item() for loss in validation]


@mistake(
    "2.11",
    "clinic_memory.train",
    "Memory no longer grows, yet each evaluation still saves all that a backward pass would need, and throws it away: that is its peak.",
)
def train_detaches_afterwards(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            loss = model(held_out[:, :-1], held_out[:, 1:])[1]
            validation.append(loss.item())
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return losses, validation


@mistake(
    "2.11",
    "clinic_memory.train",
    "The graphs are let go in bundles, when the record is turned into numbers: memory is a saw, and its teeth are several evaluations high.",
)
def train_lets_go_in_bundles(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            validation.append(model(held_out[:, :-1], held_out[:, 1:])[1])
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
        if step % (3 * every) == 0:
            validation = [float(loss) for loss in validation]
    return losses, [float(loss) for loss in validation]


@mistake(
    "2.11",
    "clinic_memory.train",
    "A backward pass from the evaluation frees its graph, and leaves its gradients for the next step: the model learns what was held out.",
)
def train_sends_evaluations_backward(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            loss = model(held_out[:, :-1], held_out[:, 1:])[1]
            loss.backward()
            validation.append(loss.item())
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return losses, validation


@mistake(
    "2.11",
    "clinic_memory.train",
    "After the first evaluation the model stays in evaluation mode: from then on it trains without dropout.",
)
def train_stays_in_evaluation_mode(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            with torch.no_grad():
                validation.append(model(held_out[:, :-1], held_out[:, 1:])[1].item())
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return losses, validation


@mistake(
    "2.11",
    "clinic_memory.train",
    "no_grad does not take the place of eval(): one says what autograd notes, the other what dropout does, and now it drops in evaluations.",
)
def train_evaluates_with_dropout(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            with torch.no_grad():
                validation.append(model(held_out[:, :-1], held_out[:, 1:])[1].item())
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return losses, validation


@mistake(
    "2.11",
    "clinic_memory.train",
    "An evaluation of one row leaves less behind and measures less: memory still grows, more slowly, and the curve is another one.",
)
def train_evaluates_one_row(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            loss = model(held_out[:1, :-1], held_out[:1, 1:])[1]
            validation.append(loss)
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return losses, [loss.item() for loss in validation]


@mistake(
    "2.11",
    "clinic_memory.train",
    "The loss of a step is measured by a forward pass of its own, after the update: another number, and a third more work.",
)
def train_measures_again(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            with torch.no_grad():
                validation.append(model(held_out[:, :-1], held_out[:, 1:])[1].item())
            model.train()
        model(batch[:, :-1], batch[:, 1:])[1].backward()
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
        with torch.no_grad():
            losses.append(model(batch[:, :-1], batch[:, 1:])[1].item())
    return losses, validation


@mistake(
    "2.11",
    "clinic_memory.train",
    "The gradients are cleared when the next step needs their place: until then, and after the last step for good, they lie there unused.",
)
def train_clears_before_the_step(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            with torch.no_grad():
                validation.append(model(held_out[:, :-1], held_out[:, 1:])[1].item())
            model.train()
        model.zero_grad()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
    return losses, validation


@mistake(
    "2.11",
    "clinic_memory.train",
    "The gradients are never cleared: each step adds to those of all steps before it.",
)
def train_never_clears(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            with torch.no_grad():
                validation.append(model(held_out[:, :-1], held_out[:, 1:])[1].item())
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
    return losses, validation


@mistake(
    "2.11",
    "clinic_memory.train",
    "A detached loss is light enough to be kept, but it is a tensor; the caller was promised floats.",
)
def train_returns_tensors(model, rows, held_out, lr, every):
    losses, validation = [], []
    for step, batch in enumerate(rows):
        if step % every == 0:
            model.eval()
            with torch.no_grad():
                loss = model(held_out[:, :-1], held_out[:, 1:])[1]
            validation.append(loss)
            model.train()
        loss = model(batch[:, :-1], batch[:, 1:])[1]
        loss.backward()
        losses.append(loss.detach())
        with torch.no_grad():
            for p in model.parameters():
                p.sub_(p.grad, alpha=lr)
                p.grad = None
    return losses, validation


@mistake(
    "2.11",
    "clinic_memory.train_cause",
    "Evaluated only once, it takes step after step and does not grow: what a backward pass has used, it lets go.",
)
def train_cause_blames_the_steps():
    return "a"


@mistake(
    "2.11",
    "clinic_memory.train_cause",
    "There would be as many bytes of them as of parameters, however many rows are held out; and the growth follows those rows.",
)
def train_cause_blames_the_gradients():
    return "b"


@mistake(
    "2.11",
    "clinic_memory.train_cause",
    "Circles are what `gc.collect()` finds, and the story says what that changes.",
)
def train_cause_blames_circles():
    return "c"


@mistake(
    "2.11",
    "clinic_memory.train_cause",
    "A copy of the parameters would be 0.4 MiB each time, and not more with more rows held out.",
)
def train_cause_blames_copies():
    return "e"


@mistake(
    "2.11",
    "clinic_memory.train_cause",
    "The tracker counts what somebody still refers to; what was given back is not in it, in whatever pieces.",
)
def train_cause_blames_the_allocator():
    return "f"
