"""A file is the old one or the new one, and nothing is left beside it."""

import os

import pytest

from shared import files


@pytest.mark.parametrize("text", ["new", "größer ≥ kleiner", ""])
def test_text_is_written_as_utf8(tmp_path, text):
    path = tmp_path / "made" / "on the way.txt"
    files.write_text(path, text)
    assert path.read_bytes() == text.encode("utf-8")


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    files.write_bytes(path, b"old")
    monkeypatch.setattr(files.os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_rewritten_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(b"old")
    path.chmod(0o600)
    files.write_bytes(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o600
