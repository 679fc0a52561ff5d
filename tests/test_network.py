"""The hub is asked once, quickly, and never where it must not be."""

import threading
import time

import pytest

from shared import network


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    network.hub_answers.cache_clear()
    yield
    network.hub_answers.cache_clear()


def test_a_network_that_hangs_costs_two_seconds_at_most(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(network, "_ask", lambda url: released.wait(30))
    began = time.monotonic()
    assert network.hub_answers() is False
    assert time.monotonic() - began < 2
    released.set()


def test_the_answer_is_kept(monkeypatch):
    asked = []
    monkeypatch.setattr(network, "_ask", lambda url: asked.append(url) or True)
    assert network.hub_answers() is True
    assert network.hub_answers() is True
    assert len(asked) == 1


def test_offline_means_not_even_asking(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(network, "_ask", lambda url: 1 / 0)
    assert network.hub_answers() is False


def test_nobody_listening_is_a_no():
    assert network._ask("http://127.0.0.1:9/") is False
