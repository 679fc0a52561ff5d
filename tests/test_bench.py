"""The benchmark harness is fair, and its table and file say what was measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from shared import bench, bench_report, gpu_check
from shared.bench import Contender, Row


def make_row(ours, peer_value, higher_is_better, goal=None):
    return Row.compare(
        "0-1",
        "a step",
        "ms",
        ours,
        "rival",
        peer_value,
        higher_is_better=higher_is_better,
        goal=goal,
    )


def test_ratio_above_one_always_means_ours_is_better():
    assert make_row(2.0, 8.0, higher_is_better=False).ratio == 4.0
    assert make_row(8.0, 2.0, higher_is_better=True).ratio == 4.0


def test_below_goal():
    assert make_row(1.0, 1.4, higher_is_better=False, goal=1.5).below_goal
    assert not make_row(1.0, 1.6, higher_is_better=False, goal=1.5).below_goal
    assert not make_row(1.0, None, higher_is_better=False, goal=1.5).below_goal


def test_a_missing_peer_stays_in_the_row():
    row = make_row(1.0, None, higher_is_better=False, goal=1.5)
    assert row.peer == "rival: not installed"
    assert row.ratio is None


def test_contenders_take_turns_in_rotating_order():
    seen = []
    contenders = [Contender(name, lambda name=name: seen.append(name)) for name in "abc"]
    timings = bench.interleave(contenders, turns=3, number=2, warmup=0)
    assert "".join(seen) == "aabbcc" + "bbccaa" + "ccaabb"
    assert {name: len(timing.seconds) for name, timing in timings.items()} == dict.fromkeys(
        "abc", 3
    )


def test_prepare_runs_outside_the_clock():
    clock = []
    contender = Contender("a", lambda: clock.append("run"), prepare=lambda: clock.append("prepare"))
    bench.interleave([contender], turns=2, warmup=1)
    assert clock == ["run", "prepare", "run", "prepare", "run"]


def test_the_median_is_of_calls_not_of_turns():
    timing = bench.Timing((0.5, 0.1, 0.2))
    assert timing.median == 0.2
    assert timing.per_second == 5.0


def test_the_collector_comes_back_after_an_error():
    import gc

    with pytest.raises(ZeroDivisionError):
        bench.interleave([Contender("a", lambda: 1 / 0)], warmup=0, collector=False)
    assert gc.isenabled()


def rows_of_child():
    threads = os.environ["OMP_NUM_THREADS"]
    return [make_row(float(threads), 1.0, higher_is_better=True)]


def test_rows_of_another_thread_count_come_from_a_process_of_their_own():
    (row,) = bench.rows_with_threads("tests.test_bench", "rows_of_child", threads=3)
    assert row.ours == 3.0


def test_publish_and_check(tmp_path, capsys):
    good = make_row(1.0, 9.0, higher_is_better=False, goal=8.0)
    low = make_row(1.0, 1.2, higher_is_better=False, goal=1.5)
    alone = make_row(1.0, None, higher_is_better=False, goal=1.5)
    path = bench_report.publish("phase0", [good, low, alone], tmp_path)
    report = json.loads(path.read_text())
    assert report.keys() == {"machine", "date", "versions", "rows"}
    assert [*report["rows"][0]] == [
        *("id", "what", "unit", "ours", "peer", "peer_value", "ratio", "goal", "limit", "runs")
    ]
    assert report["machine"]["read_gb_per_s"] > 0
    capsys.readouterr()
    assert bench_report.check(tmp_path) == 1
    told = capsys.readouterr().out
    assert "1.20x LOW" in told
    assert "9.00x" not in told
    assert "rival: not installed" in told
    assert "3 rows, 1 below goal, 1 without their peer" in told


def test_check_before_any_benchmark(tmp_path, capsys):
    assert bench_report.check(tmp_path) == 0
    assert "no benchmark was run yet" in capsys.readouterr().out


def test_the_table_is_ascii_on_a_console_without_utf8(tmp_path):
    path = tmp_path / "out.txt"
    with path.open("w", encoding="cp1252") as file:
        bench_report.show(
            [make_row(1.0, 2.0, higher_is_better=False)], Console(file=file, width=120)
        )
    assert "2.00x" in path.read_text(encoding="cp1252")


def test_run_phase_finds_the_modules_of_the_phase(tmp_path, monkeypatch):
    project = tmp_path / "phase9_toy" / "project"
    project.mkdir(parents=True)
    (project / "bench_b.py").write_text("")
    (project / "bench_a.py").write_text("")
    (project / "train.py").write_text("")
    names = bench_report.bench_modules(9, root=tmp_path)
    assert names == ["phase9_toy.project.bench_a", "phase9_toy.project.bench_b"]


def test_a_phase_without_benchmarks_says_so():
    with pytest.raises(ValueError, match="phase 77 has no benchmark yet"):
        bench_report.run_phase(77)


def test_the_harness_imports_neither_torch_nor_numpy():

    code = "import sys, shared.bench; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_a_gpu_there_is_nothing_to_check(monkeypatch, capsys):
    monkeypatch.setattr(gpu_check.machine, "nvidia_gpus", list)
    assert gpu_check.main() == 0
    assert "no NVIDIA GPU" in capsys.readouterr().out


@pytest.fixture
def a_gpu(monkeypatch):
    """A machine said to have a GPU, with one benchmark, whose tests end with a code of yours."""
    monkeypatch.setattr(gpu_check.machine, "nvidia_gpus", lambda: ["a GPU"])
    monkeypatch.setattr(gpu_check, "PHASES", [0])
    monkeypatch.setattr(bench_report, "bench_modules", lambda *_: ["tests.toy"])
    monkeypatch.setattr(gpu_check, "rows_with_threads", lambda *_: rows_of_toy())
    ran = []

    def ending(code):
        def run(command, **_):
            ran.append(command)
            return subprocess.CompletedProcess(command, code)

        monkeypatch.setattr(gpu_check.subprocess, "run", run)
        return ran

    return ending


def rows_of_toy():
    return [make_row(1.0, 9.0, higher_is_better=False)]


@pytest.mark.parametrize(("pytest_code", "code"), [(0, 0), (5, 0), (1, 1)])
def test_with_a_gpu_the_marked_tests_run_and_one_table_is_printed(
    a_gpu, capsys, tmp_path, pytest_code, code
):
    ran = a_gpu(pytest_code)
    assert gpu_check.main(tmp_path) == code
    assert ran[0][3:6] == ["-q", "-m", "gpu"]
    told = capsys.readouterr().out
    assert told.count("its value") == 1
    assert "9.00x" in told


def test_a_benchmark_that_fails_costs_its_own_rows_only(a_gpu, monkeypatch, capsys, tmp_path):
    def rows(module, *_):
        if module == "tests.broken":
            raise subprocess.CalledProcessError(-6, module)
        return rows_of_toy()

    a_gpu(0)
    monkeypatch.setattr(bench_report, "bench_modules", lambda *_: ["tests.broken", "tests.toy"])
    monkeypatch.setattr(gpu_check, "rows_with_threads", rows)
    assert gpu_check.main(tmp_path) == 1
    assert "no rows of tests.broken" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "gpu.json").read_text())["rows"]) == 1


def test_the_gpu_check_reads_no_file_without_a_gpu_test():
    names = {Path(name).name for name in gpu_check.gpu_tests()}
    assert {"test_triton.py", "test_checkpointing.py"} <= names
    assert not names & {"test_server.py", "test_lora.py"}


def test_gpu_tests_import_nothing_of_the_command_line_and_the_server():
    code = (
        "import sys, pytest; "
        "sys.modules |= dict.fromkeys(['tyro', 'fastapi', 'uvicorn', 'llguidance', 'openai']); "
        "sys.exit(pytest.main(['-q', '--collect-only', '-m', 'gpu', *sys.argv[1:]]))"
    )
    command = [sys.executable, "-c", code, *gpu_check.gpu_tests()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
