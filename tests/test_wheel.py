"""What ships: cypher/ and datasets/ are found from a checkout and from an installed wheel."""

import shutil
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
    page = {n for n in names if n.startswith("graphml/_data/explorer/")}
    assert "graphml/_data/explorer/index.html" in page
    assert any(n.endswith(".js") for n in page)
    assert not any("node_modules" in n or n.endswith((".ts", ".tsx")) for n in page)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    assert "License-Expression: Apache-2.0" in metadata
    assert "GPL" not in metadata.split("\n\n")[0]


def test_no_wheel_is_made_without_the_page(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("cypher", "datasets"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "graphml").mkdir()
    shutil.copy(ROOT / "graphml" / "__init__.py", tmp_path / "graphml")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode
    assert "explorer/dist is not built" in done.stdout + done.stderr


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
