"""What tests of several ranks share: a group within four, and a count of messages."""

import torch.distributed as dist

from shared import ranks

MEMBERS = (1, 3)  # of the group: its ranks 0 and 1


def of_members(n, function):
    """Run `function(group)` on the members of a group within n ranks, and return their results."""
    results = ranks.run(n, _in_a_group, function)
    return [results[member] for member in MEMBERS]


def _in_a_group(function):
    group = dist.new_group(list(MEMBERS))
    return function(group) if dist.get_rank() in MEMBERS else None


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
