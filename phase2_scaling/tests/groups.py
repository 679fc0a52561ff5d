"""What tests of several ranks share: a group within four, and a count of messages."""

import re

import torch.distributed as dist

from shared import ranks

MEMBERS = (2, 3)  # its ranks 0 and 1; the world's ranks 0 and 1 are not in it


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
