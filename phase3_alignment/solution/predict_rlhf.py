"""Before you optimise: six numbers of reinforcement learning from human feedback.

Answer by returning literals. The finished file runs the losses of this phase and looks.
"""

import torch

from phase3_alignment.solution import best_of_n, dpo, kl, ppo, reward_model


def loss_at_equal_scores() -> float:
    """A reward model whose head is all zeros scores eight pairs. What is its Bradley-Terry loss?

    Return a number: nats per pair, right to 2 %.
    """
    return reward_model.bradley_terry(torch.zeros(8), torch.zeros(8)).item()


def divergence_of_best_of_16() -> float:
    """You draw 16 answers from a model and keep the one that scores highest. How far is that?

    Whoever only sees what you keep sees another model. No two of its very many answers score alike.

    Return a number: KL(what you keep || the model) in nats, right to 3 %.
    """
    M = 2**16
    probs = torch.full((M,), 1 / M, dtype=torch.float64)
    return best_of_n.exact_kl(probs, scores=torch.arange(M), n=16)


def loss_of_the_first_minibatch() -> float:
    """PPO's very first minibatch: four tokens, advantages 3, -1, 1 and -1. What is the policy loss?

    Dropout is off, nothing has been updated yet, and clip_coef is 0.2.

    Return a number, its sign included, right to 2 %.
    """
    logprobs = torch.tensor([[-0.1, -2.0, -5.0, -1.0]])
    advantages = torch.tensor([[3.0, -1.0, 1.0, -1.0]])
    actions = torch.ones(1, 4, dtype=torch.bool)
    loss, _ = ppo.policy_loss(logprobs, logprobs.clone(), advantages, actions, clip_coef=0.2)
    return loss.item()


def pull_on_a_token_out_of_range() -> float:
    """A token was bad, advantage -2, and an update has made it likelier: its ratio is 1.3.

    Return the gradient of PPO's policy loss by the token's log-probability, right to 2 %. It is
    the only token, and clip_coef is 0.2. A positive gradient makes the token less likely.
    """
    logprobs = torch.tensor([[1.3]]).log().requires_grad_()
    actions = torch.ones(1, 1, dtype=torch.bool)
    old_logprobs, advantages = torch.zeros(1, 1), torch.full((1, 1), -2.0)
    loss, _ = ppo.policy_loss(logprobs, old_logprobs, advantages, actions, clip_coef=0.2)
    return torch.autograd.grad(loss, logprobs)[0].item()


def pull_at_the_start_of_dpo() -> float:
    """DPO begins: the policy still is the reference, beta = 0.1, and the batch is one pair.

    Return the gradient of the loss by the log-probability of the chosen answer, its sign included,
    right to 2 %.
    """
    chosen = torch.tensor([-40.0], requires_grad=True)
    rejected = torch.tensor([-35.0])
    loss = dpo.loss(chosen, rejected, chosen.detach(), rejected, beta=0.1)
    return torch.autograd.grad(loss, chosen)[0].item()


def growth_of_the_coefficient() -> float:
    """For a hundred batches the KL is three times its target. How many times as large is beta then?

    The adaptive controller of Ziegler et al. 2019 has k_beta = 0.1.

    Return a number, right to 4 %.
    """
    controller = kl.AdaptiveController(kl_coef=1.0, target=6.0, k_beta=0.1)
    for _ in range(100):
        controller.update(18.0)
    return controller.kl_coef
