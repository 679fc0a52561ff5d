import pytest
import torch

from phase2_scaling.solution import model, predict_memory
from shared import checks
from shared.checks import Near


@pytest.mark.exercise("2.6")
def test_bytes_of_a_sharded_optimiser():
    answer = Near(7e9 * (2 + 2 + 12 / 8), rtol=0.03)
    actual = predict_memory.bytes_of_a_sharded_optimiser()
    checks.guess(actual, answer, "bytes on each of 8 GPUs under ZeRO-1")


@pytest.mark.exercise("2.6")
def test_times_its_input():
    # Both norms keep input and result, attention q, k, v and its output, GELU four and four; the
    # statistics of norms and softmax are a trifle.
    answer = Near(2 + 4 + 2 + 8, rtol=0.08)
    actual = predict_memory.times_its_input()
    checks.guess(actual, answer, "bytes kept, over bytes of the input")


def test_times_its_input_on_a_real_block():
    config = model.GPTConfig(vocab_size=8, block_size=256, n_layer=1, n_head=12, n_embd=768)
    block = model.Block(config).to(torch.bfloat16)
    x = torch.randn(1, 256, 768, dtype=torch.bfloat16, requires_grad=True)
    parameters = {p.untyped_storage().data_ptr() for p in block.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        block(x)
    actual = sum(storage.nbytes() for storage in kept.values()) / x.nbytes
    # The statistics weigh as much for 256 tokens as for 1024: all grow alike.
    checks.close(predict_memory.times_its_input(), actual, "bytes kept", rtol=0.01)
