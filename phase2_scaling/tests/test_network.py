import json

import pytest

from phase2_scaling.project import network
from phase2_scaling.solution.cost_model import Link
from shared import checks

LINK = Link(alpha_s=1e-4, beta_s_per_byte=1e-9)


def test_lengths():
    checks.equal(network.lengths(5000), [256, 1024, 4096], "up to 5000 bytes")


def test_predictions():
    checks.close(network.predicted("message", 1000, 3, LINK), 1.01e-4, "a message")
    # Four steps of a third of 3000 bytes.
    checks.close(network.predicted("all-reduce", 3000, 3, LINK), 4.04e-4, "an all-reduce")


def test_table_shows_both():
    seconds = {name: [0.002] for name in ("message", *network.COLLECTIVES)}
    text = network.table([4000], 2, seconds, LINK)
    checks.law("alpha 100 us" in text and "(1.00 GB/s)" in text, "the link", text)
    checks.law("0.104 /  2.000" in text, "predicted and measured milliseconds of a message", text)


def test_program(tmp_path, capsys):
    network.main(network.Config(ranks=3, largest_mib=0.004, turns=2), root=tmp_path)
    folder = tmp_path / "phase2" / "network"
    found = json.loads((folder / "results.json").read_text())
    checks.equal(found["bytes"], [256, 1024, 4096], "lengths")
    timed = {name: len(seconds) for name, seconds in found["seconds"].items()}
    checks.equal(timed, dict.fromkeys(("message", *network.COLLECTIVES), 3), "times of each")
    checks.law((folder / "network.png").stat().st_size > 10_000, "a figure was drawn")
    checks.law("predicted / measured" in capsys.readouterr().out, "a table was printed")


@pytest.mark.parametrize("wrong", [{"ranks": 1}, {"turns": 0}, {"largest_mib": 0.0}])
def test_config_is_checked(wrong):
    checks.raises(lambda: network.Config(**wrong), ValueError, str(wrong))
