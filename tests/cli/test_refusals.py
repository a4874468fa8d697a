"""What is refused at once, with the right exit code: files, settings, stores."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import graphml as package
from tests.cli.conftest import Command, run_graphml
from tests.cli.test_ends import assert_fails

UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""Before a command: root without the right to pass over permissions."""

needs_permissions = pytest.mark.skipif(
    bool(UNPRIVILEGED) and shutil.which("setpriv") is None,
    reason="root passes over permissions, and setpriv is missing",
)


def without_rights(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [*UNPRIVILEGED, sys.executable, "-m", "graphml", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def runs(folder: Path) -> list[str]:
    return [
        run["run_id"] for run in json.loads((folder / ".graphml/manifest.json").read_text())["runs"]
    ]


@needs_permissions
def test_an_out_that_cannot_be_written_is_refused_before_anything_is_published(
    loaded: Path, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    (tmp_path / "file").write_text("")
    before = runs(loaded)
    for out, code, word in (
        (tmp_path, 2, "it is a folder"),
        (tmp_path / "file" / "below.json", 2, "is a file"),
        (closed / "rings.json", 4, "Permission denied"),
    ):
        done = without_rights("detect-rings", "--write", "--out", out, cwd=loaded)
        assert_fails(done, code, str(out), word)
        assert "reading events" not in done.stderr
    assert_fails(run_graphml("explain", "ring", "r-1", "--out", tmp_path, cwd=loaded), 2, "folder")
    assert runs(loaded) == before
    assert not (closed / "rings.json").exists()


def test_an_out_that_is_a_pipe_is_written_into(loaded: Path, tmp_path: Path) -> None:
    done = run_graphml("detect-rings", "--top", 1, "--out", "/dev/stdout", cwd=loaded)
    assert json.loads(done.stdout)["ring_id"]
    link, target = tmp_path / "link.json", tmp_path / "target.json"
    link.symlink_to(target)
    run_graphml("detect-rings", "--top", 1, "--out", link, cwd=loaded)
    assert link.is_symlink()
    assert json.loads(target.read_text())


@needs_permissions
def test_a_source_that_may_not_be_read_is_4(market: Path, tmp_path: Path) -> None:
    shutil.copytree(market / "shop", tmp_path / "shop")
    (tmp_path / "shop" / "events.parquet").chmod(0)
    assert_fails(without_rights("load", "shop", cwd=tmp_path), 4, "events.parquet")


@needs_permissions
def test_compiled_loops_find_a_private_cache_where_nothing_else_can_be_written(
    market: Path, tmp_path: Path
) -> None:
    room, temporary = tmp_path / "package", tmp_path / "temporary"
    shutil.copytree(
        Path(package.__file__).parent,
        room / "graphml",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    temporary.mkdir()
    folders = [room, *(path for path in room.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR")},
        "HOME": "/proc/nowhere", "TMPDIR": str(temporary), "PYTHONPATH": str(room),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip

    def run(code: str) -> str:
        done = subprocess.run(
            [*UNPRIVILEGED, sys.executable, "-c", code],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = "import os, graphml; print(graphml.__file__); print(os.environ['NUMBA_CACHE_DIR'])"
    try:
        file, cache = run(f"import graphml.rings.bursts; {said}").splitlines()
        assert Path(file).is_relative_to(room)
        assert cache == str(temporary / f"graphml-numba-{os.geteuid()}")
        assert Path(cache).stat().st_mode & 0o777 == 0o700
        assert list(Path(cache).iterdir())
        Path(cache).chmod(0o777)  # others could put code there
        other = run(said).splitlines()[1]
        assert other != cache
        assert Path(other).stat().st_mode & 0o777 == 0o700
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize("command", [["detect-rings"], ["simulate", "out"], ["demo"]])
def test_a_negative_seed_is_2(graphml: Command, command: list[str]) -> None:
    done = graphml(*command, "--seed", -1)
    assert_fails(done, 2, "seed is -1")
    assert "--seed of at least 0" in done.stderr


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ('[rings]\nmin_score = "high"\n', 'rings.min_score is "high"', "a number between 0 and 1"),
        ("[rings]\nseed = 1.5\n", "rings.seed is 1.5", "a whole number"),
        ("[rings]\nseed = true\n", "rings.seed is true", "a whole number"),
        ('[rings]\nkinds = "brushing"\n', 'rings.kinds is "brushing"', "a list of texts"),
        ('[rings]\nallow = ["ip"]\n', 'rings.allow is ["ip"]', 'as [["ip", "203.0.113.7"]]'),
        ('[rings]\nallow = [["planet", "x"]]\n', "no type 'planet'", "member"),
        ("[rings]\nmin_score = 2\n", "rings.min_score is 2", "between 0 and 1"),
        ("[simulate]\nmembers = []\n", "simulate.members is []", "a whole number"),
        ("rings = 3\n", "rings is 3", "[rings], a table"),
        ("costs = 3\n", "costs is 3", "[costs], a table"),
        ("[costs]\n", "costs.review is missing", "review = …, a number, under [costs]"),
        ("[costs]\nreview = 5\n", "costs.block_good is missing", "a number, under [costs]"),
        ("[costs]\nreview = -1\nblock_good = 2\n", "costs.review is -1", "at least 0"),
        ("[costs]\nreview = nan\nblock_good = 2\n", "costs.review is nan", "at least 0"),
        ("[costs]\nreview = 1\nblock_good = inf\n", "costs.block_good is inf", "at least 0"),
        ("[costs]\nreview = 1\nblock_good = 2\nmargin = 2\n", "costs.margin is 2", "a share"),
        ('[costs]\nreview = "5"\nblock_good = 2\n', 'costs.review is "5"', "a number"),
        ("[costs]\nreveiw = 5\n", "unknown setting costs.'reveiw'", "correct it"),
        ('[fraud]\nsegments = "region"\n', 'fraud.segments is "region"', "a list of texts"),
        ('[fraud]\nsegments = ["account_age"]\n', "segments names account_age", "leave it out"),
        ('[fraud]\nsegments = ["a", "a"]\n', "segments names a column twice", "once each"),
        ("store = 3\n", "store is 3", "a text"),
        ("store =\n", "graphml.toml is no TOML", "mend graphml.toml"),
    ],
)
def test_a_broken_graphml_toml_is_told_by_key_and_what_it_needs(
    graphml: Command, tmp_path: Path, text: str, words: str, hint: str
) -> None:
    (tmp_path / "graphml.toml").write_text(text)
    done = graphml("simulate", "out") if "simulate" in text else graphml("detect-rings")
    assert_fails(done, 2, words)
    assert hint in done.stderr.splitlines()[-1]
    assert "doctor" not in done.stderr


def test_an_allow_list_may_stand_in_graphml_toml(loaded: Path, tmp_path: Path) -> None:
    shutil.copytree(loaded / ".graphml", tmp_path / ".graphml")
    ring = json.loads(run_graphml("detect-rings", "--top", 1, cwd=tmp_path).stdout)
    members = [member["member_id"] for member in ring["members"]]
    pairs = ", ".join(f'["member", "{member}"]' for member in members)
    (tmp_path / "graphml.toml").write_text(f"[rings]\nallow = [{pairs}]\n")
    done = run_graphml("detect-rings", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    left = {m["member_id"] for r in json.loads(done.stdout) for m in r["members"]}
    assert not left & set(members)


def test_doctor_ends_with_what_is_wrong_with_the_store(
    graphml: Command, loaded: Path, tmp_path: Path
) -> None:
    shutil.copytree(loaded / ".graphml", tmp_path / "lost")
    (tmp_path / "lost" / "manifest.json").unlink()
    shutil.copytree(loaded / ".graphml", tmp_path / "old")
    manifest = tmp_path / "old" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 0}))
    for url, code, state, word in (
        ("mysql://x", 2, "wrong", "no kind of store"),
        ("embedded://lost", 1, "unusable", "damaged: manifest.json is missing"),
        ("embedded://old", 1, "unusable", "format 0"),
        ("bolt://127.0.0.1:9", 4, "unreachable", "Connection refused"),
    ):
        done = graphml("doctor", "--store", url, "--format", "json")
        row = json.loads(done.stdout)[-1]
        assert (done.returncode, row["state"]) == (code, state)
        assert word in row["detail"]
        assert "\\n" not in row["detail"]


def test_a_lost_manifest_is_1_and_no_empty_store(
    graphml: Command, loaded: Path, tmp_path: Path
) -> None:
    shutil.copytree(loaded / ".graphml", tmp_path / ".graphml")
    (tmp_path / ".graphml" / "manifest.json").unlink()
    assert_fails(graphml("detect-rings"), 1, "damaged: manifest.json is missing")
    assert_fails(graphml("load", loaded / "shop"), 1, "damaged: manifest.json is missing")


def test_a_truth_about_strangers_is_5(loaded: Path, tmp_path: Path) -> None:
    shutil.copytree(loaded / "shop.truth", tmp_path / "truth")
    file = tmp_path / "truth" / "rings.parquet"
    strangers = pl.read_parquet(file).with_columns(member_id="stranger-" + pl.col("member_id"))
    strangers.write_parquet(file)
    done = run_graphml("evaluate", "rings", "--truth", tmp_path / "truth", cwd=loaded)
    assert_fails(done, 5, "no member of the rings in", "truth")
