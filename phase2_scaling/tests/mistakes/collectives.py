"""Classic wrong answers for `solution/collectives.py`."""

import torch
import torch.distributed as dist

from phase2_scaling.solution.collectives import all_gather, broadcast, exchange, reduce
from phase2_scaling.solution.collectives import reduce_scatter as scatter
from shared.mistakes import mistake


@mistake(
    "2.13",
    "collectives.exchange",
    "Every rank waits until its send is received before it begins to receive: nobody ever receives. Post both, then wait.",
)
def exchange_sends_first(sent, received, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    dist.send(sent, group=group, group_dst=(rank + 1) % n)
    dist.recv(received, group=group, group_src=(rank - 1) % n)
    return received


@mistake(
    "2.13",
    "collectives.exchange",
    "The ring turns the wrong way: send to the rank after yours, receive from the one before.",
)
def exchange_turns_back(sent, received, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    works = [
        dist.isend(sent, group=group, group_dst=(rank - 1) % n),
        dist.irecv(received, group=group, group_src=(rank + 1) % n),
    ]
    for work in works:
        work.wait()
    return received


@mistake(
    "2.13",
    "collectives.exchange",
    "It returns while the message is still on its way: what isend and irecv give back must be waited for.",
)
def exchange_does_not_wait(sent, received, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    dist.isend(sent, group=group, group_dst=(rank + 1) % n)
    dist.irecv(received, group=group, group_src=(rank - 1) % n)
    return received


@mistake("2.13", "collectives.exchange", "Nobody waits for the send: it may not have left yet.")
def exchange_drops_the_send(sent, received, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    dist.isend(sent, group=group, group_dst=(rank + 1) % n)
    dist.recv(received, group=group, group_src=(rank - 1) % n)
    return received


@mistake("2.13", "collectives.exchange", "The rank is that of the world, not of the group.")
def exchange_rank_of_all(sent, received, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank()
    work = dist.isend(sent, group=group, group_dst=(rank + 1) % n)
    dist.recv(received, group=group, group_src=(rank - 1) % n)
    work.wait()
    return received


@mistake(
    "2.13",
    "collectives.exchange",
    "A rank of the group is taken for a rank of the world: rank 0 of a group may be anyone; see group_peer.",
)
def exchange_takes_ranks_of_the_world(sent, received, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    transfers = [
        dist.P2POp(dist.isend, sent, (rank + 1) % n, group),
        dist.P2POp(dist.irecv, received, (rank - 1) % n, group),
    ]
    for work in dist.batch_isend_irecv(transfers):
        work.wait()
    return received


@mistake(
    "2.13",
    "collectives.exchange",
    "The group is not looked at: the ring runs through all ranks of the world, and some of them are not there.",
)
def exchange_ignores_the_group(sent, received, group=None):
    n, rank = dist.get_world_size(), dist.get_rank()
    works = [dist.isend(sent, (rank + 1) % n), dist.irecv(received, (rank - 1) % n)]
    for work in works:
        work.wait()
    return received


@mistake(
    "2.13",
    "collectives.reduce_scatter",
    "The journey begins with the rank's own chunk, so it ends one rank too early: chunk c must set out at rank c + 1.",
)
def reduce_scatter_sets_out_from_home(tensor, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    chunks = tensor.flatten().tensor_split(n)
    total = chunks[rank].clone()
    for step in range(1, n):
        own = chunks[rank - step]
        total = exchange(total, torch.empty_like(own), group).add_(own)
    return total


@mistake(
    "2.13",
    "collectives.reduce_scatter",
    "The sums are made in the rank's own tensor, which the caller still needs: add into what has come in.",
)
def reduce_scatter_overwrites(tensor, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    chunks = tensor.reshape(-1).tensor_split(n)
    for step in range(1, n):
        own = chunks[rank - step - 1]
        own += exchange(chunks[rank - step], torch.empty_like(own), group)
    return chunks[rank].clone()


@mistake(
    "2.13",
    "collectives.reduce_scatter",
    "Each rank adds its own chunk to whatever passes; what passes is another chunk in each step, so add the same one of yours.",
)
def reduce_scatter_adds_its_own_chunk(tensor, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    chunks = tensor.flatten().tensor_split(n)
    total = chunks[rank - 1].clone()
    for step in range(2, n + 1):
        total = exchange(total, torch.empty_like(chunks[rank - step]), group) + chunks[rank]
    return total


@mistake(
    "2.13",
    "collectives.reduce_scatter",
    "The chunks are size // n long, and what is left over belongs to nobody: the first chunks must take one more each.",
)
def reduce_scatter_loses_the_rest(tensor, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    size = tensor.numel() // n
    chunks = [tensor.flatten()[i * size : (i + 1) * size] for i in range(n)]
    total = chunks[rank - 1].clone()
    for step in range(2, n + 1):
        own = chunks[rank - step]
        total = exchange(total, torch.empty_like(own), group).add_(own)
    return total


@mistake(
    "2.13",
    "collectives.reduce_scatter",
    "On a single rank the chunk is a view of the tensor itself: who changes the one changes the other.",
)
def reduce_scatter_shares_memory(tensor, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    chunks = tensor.reshape(-1).tensor_split(n)
    total = chunks[rank - 1]
    for step in range(2, n + 1):
        own = chunks[rank - step]
        total = exchange(total, torch.empty_like(own), group).add_(own)
    return total


@mistake(
    "2.13",
    "collectives.reduce_scatter",
    "The sum is right, but in an order of each rank's own: whole tensors go around where one chunk a step would do.",
)
def reduce_scatter_sends_all(tensor, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    total = passing = tensor.flatten().clone()
    for _ in range(n - 1):
        passing = exchange(passing, torch.empty_like(passing), group)
        total = total + passing
    return total.tensor_split(n)[rank].clone()


@mistake(
    "2.13",
    "collectives.all_gather",
    "Each rank sends its own chunk in every step, so its neighbour gets it n - 1 times: hand on what came in last.",
)
def all_gather_sends_its_own(chunk, size, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    whole = chunk.new_zeros(size)
    chunks = whole.tensor_split(n)
    chunks[rank].copy_(chunk)
    for step in range(n - 1):
        exchange(chunk, chunks[rank - step - 1], group)
    return whole


@mistake(
    "2.13",
    "collectives.all_gather",
    "Chunks are put where they would come from if the ring turned the other way; with two ranks that is the same, with three not.",
)
def all_gather_stores_backwards(chunk, size, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    slots = chunk.new_empty(size).tensor_split(n)
    came, pieces = chunk, {rank: chunk}
    for step in range(1, n):
        came = exchange(came, torch.empty_like(slots[rank - step]), group)
        pieces[(rank + step) % n] = came
    return torch.cat([pieces[i] for i in range(n)])


@mistake(
    "2.13",
    "collectives.all_gather",
    "One step too few: after n - 2 steps the chunk of the rank after yours is still on its way.",
)
def all_gather_ends_early(chunk, size, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    whole = chunk.new_zeros(size)
    chunks = whole.tensor_split(n)
    chunks[rank].copy_(chunk)
    for step in range(n - 2):
        exchange(chunks[rank - step], chunks[rank - step - 1], group)
    return whole


@mistake(
    "2.13",
    "collectives.all_gather",
    "The whole is float32 whatever the chunks are: make it with the dtype of the chunk.",
)
def all_gather_in_float32(chunk, size, group=None):
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    whole = torch.empty(size)
    chunks = whole.tensor_split(n)
    chunks[rank].copy_(chunk)
    for step in range(n - 1):
        exchange(chunks[rank - step], chunks[rank - step - 1], group)
    return whole


@mistake(
    "2.13",
    "collectives.ring_all_reduce",
    "The sum is returned, and the tensor is what it was: it must be changed in place.",
)
def ring_all_reduce_returns(tensor, group=None):
    return all_gather(scatter(tensor, group), tensor.numel(), group).view(tensor.shape)


@mistake(
    "2.13",
    "collectives.ring_all_reduce",
    "The sum is divided by the number of ranks: an all-reduce adds; who wants a mean divides.",
)
def ring_all_reduce_averages(tensor, group=None):
    total = all_gather(scatter(tensor, group), tensor.numel(), group)
    tensor.copy_(total.view(tensor.shape) / dist.get_world_size(group))


@mistake(
    "2.13",
    "collectives.ring_all_reduce",
    "reshape(-1) copies what is not contiguous, so the sum goes into the copy: write into the tensor itself.",
)
def ring_all_reduce_into_a_copy(tensor, group=None):
    flat = tensor.reshape(-1)
    flat.copy_(all_gather(scatter(flat, group), flat.numel(), group))


@mistake(
    "2.13",
    "collectives.ring_all_reduce",
    "The whole tensor goes around the ring: n - 1 times its bytes, where a chunk in each step needs less than twice.",
)
def ring_all_reduce_whole(tensor, group=None):
    passing = tensor.clone(memory_format=torch.contiguous_format)
    for _ in range(dist.get_world_size(group) - 1):
        passing = exchange(passing, torch.empty_like(passing), group)
        tensor += passing


@mistake(
    "2.13",
    "collectives.ring_all_reduce",
    "One rank collects and hands out everything along a tree: its line is busy while the others wait.",
)
def ring_all_reduce_by_tree(tensor, group=None):
    total = reduce(tensor, group)
    total = (
        torch.empty_like(tensor, memory_format=torch.contiguous_format) if total is None else total
    )
    broadcast(total, group)
    tensor.copy_(total)
