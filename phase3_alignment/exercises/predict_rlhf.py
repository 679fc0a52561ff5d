"""Before you optimise: six numbers of reinforcement learning from human feedback.

Answer by returning literals. The finished file runs the losses of this phase and looks.
"""

import torch

from phase3_alignment.solution import best_of_n, dpo, kl, ppo, reward_model


def loss_at_equal_scores() -> float:
    """A reward model whose head is all zeros scores eight pairs. What is its Bradley-Terry loss?

    Return a number: nats per pair, right to 2 %.
    """
    # TODO 3.15: Return the loss in nats per pair.
    raise NotImplementedError("exercise 3.15: loss_at_equal_scores")


def divergence_of_best_of_16() -> float:
    """You draw 16 answers from a model and keep the one that scores highest. How far is that?

    Whoever only sees what you keep sees another model. No two of its very many answers score alike.

    Return a number: KL(what you keep || the model) in nats, right to 3 %.
    """
    # TODO 3.15: Return the KL divergence in nats.
    raise NotImplementedError("exercise 3.15: divergence_of_best_of_16")


def loss_of_the_first_minibatch() -> float:
    """PPO's very first minibatch: four tokens, advantages 3, -1, 1 and -1. What is the policy loss?

    Dropout is off, nothing has been updated yet, and clip_coef is 0.2.

    Return a number, its sign included, right to 2 %.
    """
    # TODO 3.15: Return the policy loss, sign included.
    raise NotImplementedError("exercise 3.15: loss_of_the_first_minibatch")


def pull_on_a_token_out_of_range() -> float:
    """A token was bad, advantage -2, and an update has made it likelier: its ratio is 1.3.

    Return the gradient of PPO's policy loss by the token's log-probability, right to 2 %. It is
    the only token, and clip_coef is 0.2. A positive gradient makes the token less likely.
    """
    # TODO 3.15: Return the gradient by the token's log-probability, sign included.
    raise NotImplementedError("exercise 3.15: pull_on_a_token_out_of_range")


def pull_at_the_start_of_dpo() -> float:
    """DPO begins: the policy still is the reference, beta = 0.1, and the batch is one pair.

    Return the gradient of the loss by the log-probability of the chosen answer, its sign included,
    right to 2 %.
    """
    # TODO 3.15: Return the gradient by the chosen answer's log-probability, sign included.
    raise NotImplementedError("exercise 3.15: pull_at_the_start_of_dpo")


def growth_of_the_coefficient() -> float:
    """For a hundred batches the KL is three times its target. How many times as large is beta then?

    The adaptive controller of Ziegler et al. 2019 has k_beta = 0.1.

    Return a number, right to 4 %.
    """
    # TODO 3.15: Return the last beta over the first.
    raise NotImplementedError("exercise 3.15: growth_of_the_coefficient")
