"""What tests of several ranks share: a group within five, and a watch on messages."""

import re

import torch.distributed as dist

from shared import checks, ranks

# Its ranks 0 and 1; the world's ranks 0 and 1 are not in it, nor are 3 and 4 the same modulo 2.
MEMBERS = (3, 4)


def of_members(n, function):
    """Run `function(group)` on the members of a group within n ranks, and return their results."""
    results = ranks.run(n, _in_a_group, function)
    return [results[member] for member in MEMBERS]


def _in_a_group(function):
    group = dist.new_group(list(MEMBERS))
    if dist.get_rank() not in MEMBERS:
        return None
    try:
        return function(group)
    except ValueError as error:
        error.args = (re.sub(r" object at 0x\w+", "", str(error)),)  # differs from run to run
        raise


def watch_sends():
    """Let every message that this rank sends to another leave its bytes in the list returned."""
    return _watch("send")


def keep_sends():
    """Let every message that this rank sends leave what is to be waited for in the list returned.

    Whoever drops it keeps gloo busy with a message that never leaves, and the others waiting.
    """
    works, method = [], dist.ProcessGroup.send

    def kept(group, tensors, to, *args):
        n, rank = dist.get_world_size(group), dist.get_rank(group)
        checks.at_most(to, n - 1, f"rank to which rank {rank} of a group of {n} sends")
        checks.law(to != rank, f"rank {rank} of a group of {n} sends to another, not to itself")
        works.append(method(group, tensors, to, *args))
        return works[-1]

    dist.ProcessGroup.send = kept
    return works


def watch_all_reduces():
    """Let every all-reduce that this rank starts leave its bytes in the list returned."""
    return _watch("allreduce")


def _watch(name):
    """Put a counter before a method of process groups: all of torch.distributed goes that way."""
    sizes, method = [], getattr(dist.ProcessGroup, name)

    def counted(group, tensors, *args):
        sizes.append(sum(tensor.nbytes for tensor in tensors))
        return method(group, tensors, *args)

    setattr(dist.ProcessGroup, name, counted)
    return sizes
