"""How commands end: exit codes, one line of error, one that begins `try:`, quick help."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import GRAPHML, Command, run_graphml


def assert_fails(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, (done.returncode, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert lines[-2].startswith("error: "), done.stderr
    assert lines[-1].startswith("try: "), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[-2], done.stderr


def test_help_comes_quickly_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv=['graphml','--help']\n"
        "from graphml.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'polars','numpy','numba','torch','pyarrow','neo4j','ladybug','networkx','rich'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_detect_rings_never_loads_torch(loaded: Path) -> None:
    code = (
        "import sys; sys.argv=['graphml','detect-rings','--quiet','--top','1']\n"
        "from graphml.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "sys.stderr.write('TORCH ' + str('torch' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=loaded, capture_output=True, text=True, check=True
    )
    assert done.stderr.endswith("TORCH False")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["detect-rings", "--nonsense"], "--nonsense"),
        (["detect-rings", "--as-of", "tomorrow"], "tomorrow"),
        (["detect-rings", "--as-of", "2024-01-01"], "time zone"),
        (["detect-rings", "--format", "xml"], "xml"),
        (["detect-rings", "--min-score", "2"], "min_score"),
        (["detect-rings", "--kind", "nonsense"], "nonsense"),
        (["detect-rings", "--store", "mysql://x"], "mysql"),
        (["explain", "basket", "o-1"], "basket"),
        (["label", "ring", "r-1", "maybe"], "maybe"),
        (["evaluate", "rings"], "--truth"),
        (["simulate", "out", "--members", "1"], "members"),
        (["simulate", "out", "--difficulty", "brutal"], "brutal"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_2(graphml: Command, arguments: list[str], word: str) -> None:
    assert_fails(graphml(*arguments), 2, word)


def test_an_empty_store_is_5_and_not_no_fraud(graphml: Command) -> None:
    assert_fails(graphml("detect-rings"), 5, "no events")


def test_a_moment_before_the_first_event_is_5(loaded: Path) -> None:
    done = run_graphml("detect-rings", "--as-of", "1999-01-01T00:00:00Z", cwd=loaded)
    assert_fails(done, 5, "1999")


def test_an_unknown_ring_is_2(loaded: Path) -> None:
    assert_fails(run_graphml("explain", "ring", "r-nonsense", cwd=loaded), 2, "r-nonsense")


def test_no_neo4j_is_4(graphml: Command) -> None:
    done = graphml("detect-rings", "--store", "bolt://127.0.0.1:9", env={"NEO4J_PASSWORD": "x" * 8})
    assert_fails(done, 4)


def test_unknown_settings_are_refused_by_name(graphml: Command, tmp_path: Path) -> None:
    (tmp_path / "graphml.toml").write_text("[rings]\nmin_member = 3\n")
    assert_fails(graphml("detect-rings"), 2, "min_member", "min_members")


def test_debug_shows_the_traceback(graphml: Command) -> None:
    done = graphml("detect-rings", "--store", "mysql://x", "--debug")
    assert "Traceback" in done.stderr


def test_a_reader_that_goes_away_is_no_failure(loaded: Path) -> None:
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"set -o pipefail; {GRAPHML} detect-rings -q --min-score 0 --min-members 2 | head -c 1",
        ],
        cwd=loaded,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_interrupt_is_130(market: Path, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [str(GRAPHML), "simulate", "big", "--members", "50000"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(2.0)
    os.killpg(child.pid, signal.SIGINT)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert not (tmp_path / "big").exists(), "half-written tables were left behind"
