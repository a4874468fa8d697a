"""What ships: cypher/ and datasets/ are found from a checkout and from an installed wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from graphml.store.cypher import data_folder

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
    )
    (made,) = out.glob("graphml_engine-*.whl")
    return made


def shipped(folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(listed.stdout.splitlines())


def test_the_checkout_finds_its_own_files() -> None:
    assert data_folder("cypher") == ROOT / "cypher"
    assert data_folder("datasets") == ROOT / "datasets"


def test_the_wheel_holds_statements_datasets_and_the_type_marker(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
    for folder in ("cypher", "datasets"):
        assert shipped(folder), folder
        assert {f"graphml/_data/{name}" for name in shipped(folder)} <= names
    assert "graphml/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    assert "License-Expression: Apache-2.0" in metadata
    assert "GPL" not in metadata.split("\n\n")[0]


def test_an_installed_wheel_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel],
        check=True,
        capture_output=True,
    )
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import graphml\n"
        "from graphml.store.cypher import data_folder\n"
        "from datetime import datetime, timezone\n"
        "source = graphml.read_source(data_folder('datasets') / 'customer-fraud-demo.toml')\n"
        "tables, refused = graphml.validate(source, now=datetime.now(timezone.utc))\n"
        "print(graphml.__file__); print(tables.events.height)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    where, events = done.stdout.split()
    assert where.startswith(str(site))
    assert int(events) > 34
