"""Published runs are found in the promised order, checked, and what the papers say they are."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from phase2_scaling.project import published
from shared import checks

TABLE = """x,y,color,Model Size,Training FLOP,hex_color,loss
1,2,#f,100.0,6000.0,#f,3.5
3,4,#f,200.0,2400.0,#f,4.5
5,6,#f,400.0,9600.0,#f,2.5
"""
FOLDER = Path(os.environ.get("COURSE_DATA") or "nowhere") / "chinchilla"
needs_the_runs = pytest.mark.skipif(
    not (FOLDER / published.FILE).is_file(), reason="COURSE_DATA has no Chinchilla runs"
)


@pytest.fixture
def three_runs(tmp_path, monkeypatch):
    """A folder like $COURSE_DATA with three made-up runs that pass for the published ones."""
    folder = tmp_path / "data" / "chinchilla"
    folder.mkdir(parents=True)
    (folder / published.FILE).write_text(TABLE)
    monkeypatch.setattr(published, "SHA256", hashlib.sha256(TABLE.encode()).hexdigest())
    monkeypatch.setenv("COURSE_DATA", str(folder.parent))
    return folder / published.FILE


def no_network():
    raise published.DataError("no network here")


def test_the_folder_comes_first(three_runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(published, "_download", no_network)
    runs = published.load(tmp_path / "cache")
    checks.equal(runs.n_params, np.array([100.0, 200.0, 400.0]), "sizes")
    checks.equal(runs.n_tokens, np.array([10.0, 2.0, 4.0]), "tokens, C / 6 N")
    checks.equal(runs.loss, np.array([3.5, 4.5, 2.5]), "losses")
    told = f"data: 3 runs of Chinchilla's figure 4 from {three_runs.parent}\n"
    checks.equal(capsys.readouterr().out, told, "what is printed")
    kept = runs.without_outliers(1)
    checks.equal(kept.loss, np.array([3.5, 2.5]), "losses without the highest, in their order")
    checks.equal(kept.flops, np.array([6000.0, 9600.0]), "operations without the highest")


def test_an_altered_file_is_named(three_runs, tmp_path):
    three_runs.write_text(TABLE + "1,1,1,1,1,1,1\n")
    with pytest.raises(published.DataError, match=f"{published.FILE}.*sha256 differs"):
        published.load(tmp_path)


def test_a_download_is_kept(three_runs, tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setattr(published, "_download", TABLE.encode)
    published.load(tmp_path / "cache")
    monkeypatch.setattr(published, "_download", no_network)
    checks.equal(len(published.load(tmp_path / "cache").loss), 3, "runs from the kept copy")


def test_a_wrong_download_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(published, "_download", lambda: b"<html>moved</html>")
    with pytest.raises(published.DataError, match="sha256 differs"):
        published.load(tmp_path)
    checks.equal(list(tmp_path.rglob("*.csv")), [], "files kept")


def test_without_network_one_line_says_what_to_do(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(published.urllib.request, "urlopen", refuse)
    with pytest.raises(
        published.DataError, match=r"no route.*put data/.*into .COURSE_DATA"
    ) as told:
        published.load(tmp_path)
    assert "\n" not in str(told.value)


@needs_the_runs
def test_the_published_runs(tmp_path):
    runs = published.load(tmp_path)
    checks.equal(len(runs.loss), 245, "runs")
    kept = runs.without_outliers()
    # Besiroglu et al.'s rule, as their notebook writes it: loss < sorted(loss)[-5].
    expected = runs.loss[runs.loss < sorted(runs.loss)[-5]]
    checks.equal(kept.loss, expected, "losses kept")
    dropped = np.argsort(runs.loss)[-5:]
    ratio = runs.n_tokens[dropped] / runs.n_params[dropped]
    checks.at_most(ratio.max(), 0.5, "tokens per parameter of the outliers")
    above = runs.loss / published.BESIROGLU.loss(runs.n_params, runs.n_tokens)
    checks.at_least(above[dropped].min(), 1.06, "how far the outliers lie above the law")
