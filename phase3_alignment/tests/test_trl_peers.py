"""A held trainer takes a step when it is told to, and says what went wrong in it."""

from types import SimpleNamespace

import pytest

from phase3_alignment.project.trl_peers import Held
from shared import checks

pytest.importorskip("greenlet", reason="the trainers stand still by greenlet, of the bench extra")


class Trainer:
    """Counts its steps; fails in one of them or comes to its end."""

    def __init__(self, last=10**6, fails_at=None):
        self.last, self.fails_at, self.done = last, fails_at, 0

    def add_callback(self, callback):
        self.callback = callback

    def train(self):
        control = SimpleNamespace(should_training_stop=False)
        self.callback.on_train_begin(None, None, control)
        while not control.should_training_stop and self.done < self.last:
            if self.done == self.fails_at:
                raise ZeroDivisionError
            self.done += 1
            self.callback.on_step_end(None, None, control)


def test_one_step_at_a_time():
    trainer = Trainer()
    with Held(trainer) as held:
        for n in range(3):
            checks.equal(trainer.done, n, "steps so far")
            held.step()
    checks.equal(trainer.done, 3, "steps in the end")


def test_a_trainer_that_is_never_asked_ends_too():
    trainer = Trainer()
    with Held(trainer):
        pass
    assert trainer.done <= 1


def test_its_end_and_its_errors_are_told():
    with Held(Trainer(last=1)) as held:
        held.step()
        with pytest.raises(RuntimeError, match="no more steps"):
            held.step()
    with Held(Trainer(fails_at=1)) as held:
        held.step()
        with pytest.raises(ZeroDivisionError):
            held.step()
        with pytest.raises(RuntimeError, match="no more steps"):
            held.step()
