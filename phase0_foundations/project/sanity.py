"""The first thing to try on any new network: can it learn one batch by heart?"""

from dataclasses import replace

from phase0_foundations.project import mlp
from phase0_foundations.project.config import Config
from phase0_foundations.project.digits import Digits, load_digits
from phase0_foundations.project.trainer import Trainer

OVERFIT_IMAGES = 64
OVERFIT_STEPS = 200
TELL_EVERY = 50  # steps
PASSED = 0.99  # accuracy on the batch


def main(config: Config) -> None:
    """Try it, and say what it proves.

    Raises:
        SystemExit: with a message, where the network cannot do even that.
    """
    accuracy = overfit_one_batch(config, load_digits(config.data))
    if accuracy <= PASSED:
        raise SystemExit(
            "the network cannot even learn one batch: look for labels that do not belong to "
            "their images, a parameter without a gradient, a learning rate that is far off"
        )
    print(
        "Learned by heart. So images and labels belong together, the gradient reaches every layer, "
        "and the\noptimiser walks downhill. Whether it can read digits that it has not seen is "
        "another question,\nwhich only held-out images answer."
    )


def overfit_one_batch(config: Config, digits: Digits) -> float:
    """Learn 64 images by heart, all that hinders it switched off; return the accuracy on them.

    Karpathy, "A Recipe for Training Neural Networks" (2019): it takes a second, and nearly every
    bug (labels in another order, a gradient that does not arrive, a step uphill) keeps the loss up.
    """
    x, y = digits.train_x[:OVERFIT_IMAGES], digits.train_y[:OVERFIT_IMAGES]
    print(f"{len(y)} training images, seen again and again:")
    plain = replace(
        config,
        max_steps=OVERFIT_STEPS,
        warmup_steps=0,
        batch_size=OVERFIT_IMAGES,
        dropout=0.0,
        weight_decay=0.0,
        augment=False,
    )
    trainer = Trainer(plain, replace(digits, train_x=x, train_y=y))
    for taken in range(OVERFIT_STEPS + 1):
        if taken % TELL_EVERY == 0:
            loss, accuracy = mlp.score(trainer.model, x, y)
            print(f"  after {taken:3} steps: loss {loss:.4f} nats, accuracy {accuracy:.1%}")
        if taken < OVERFIT_STEPS:
            trainer.step()
    return accuracy
