"""The doctor judges machines that we do not have, from facts alone."""

import subprocess
import sys
from dataclasses import replace

import pytest

from shared import bootstrap, doctor

LAPTOP = doctor.Facts(
    python=(3, 12),
    ready=True,
    cpu="a laptop",
    cores=8,
    memory_gib=15.6,
    load=0.3,
    gpus=(),
    cuda_in_torch=None,
    bf16=None,
    disk_gib=200.0,
    hub=False,
    data_folder=None,
    differing={},
)


def test_a_healthy_laptop_has_no_problem():
    assert doctor.problems(LAPTOP) == []


@pytest.mark.parametrize(
    ("sick", "symptom", "mend"),
    [
        ({"python": (3, 9)}, "Python 3.11 or newer", "install it"),
        ({"ready": False}, "not installed", "make setup"),
        ({"gpus": ("a GPU",), "cuda_in_torch": False}, "no CUDA", "delete .venv"),
        ({"disk_gib": 1.2}, "only 1.2 GiB", "runs/"),
        ({"data_folder": "no/such/folder"}, "no/such/folder", "unset it"),
        ({"load": 3.5}, "load 3.5", "wait"),
        ({"differing": {"numpy": ("1.0", "2.4.6")}}, "numpy 1.0 for 2.4.6", "make setup"),
    ],
)
def test_each_illness_is_named_with_its_mend(sick, symptom, mend):
    (line,) = doctor.problems(replace(LAPTOP, **sick))
    assert symptom in line
    assert mend in line


def test_what_a_gpu_allows():
    without = doctor.allowed(LAPTOP)
    with_gpu = doctor.allowed(replace(LAPTOP, gpus=("a GPU",), memory_gib=64.0))
    assert any(line.startswith("no ") and "an NVIDIA GPU" in line for line in without)
    assert all(line.startswith("yes") for line in with_gpu)


def test_too_little_memory_is_said():
    lines = doctor.allowed(replace(LAPTOP, memory_gib=3.0))
    assert any("needs 8 GiB of memory" in line for line in lines)


def test_versions_are_compared_without_their_build(tmp_path):
    from importlib import metadata

    constraints = tmp_path / "constraints.txt"
    numpy = metadata.version("numpy")
    torch = metadata.version("torch").partition("+")[0]
    constraints.write_text(f"numpy=={numpy}\ntorch=={torch}\nrich==0.1\nno-such-package==1.0\n")
    assert doctor.differing_versions(constraints) == {"rich": (metadata.version("rich"), "0.1")}


def test_the_page_is_ascii_and_has_three_parts():
    page = doctor.report(LAPTOP)
    page.encode("ascii")
    for heading in ("This machine", "What it allows", "What is wrong"):
        assert heading in page


def test_the_doctor_needs_no_package():
    code = (
        "import sys; sys.path.insert(0, '.');"
        "import shared.doctor as d; print(d.report(d.examine())); assert 'numpy' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=bootstrap.ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "What is wrong" in done.stdout
