import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

GRAPHML = Path(sys.executable).parent / "graphml"

Command = Callable[..., subprocess.CompletedProcess[str]]


def run_graphml(
    *arguments: object, cwd: Path, env: dict[str, str] | None = None, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    base = {k: v for k, v in os.environ.items() if not k.startswith(("GRAPHML_", "NEO4J_"))}
    return subprocess.run(
        [str(GRAPHML), *map(str, arguments)],
        cwd=cwd,
        env={**base, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture
def graphml(tmp_path: Path) -> Command:
    """The installed command, run in an empty folder."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return run_graphml(*arguments, **{"cwd": tmp_path, **options})

    return run


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small made-up marketplace in `shop` and its truth in `shop.truth`."""
    folder = tmp_path_factory.mktemp("market")
    done = run_graphml("simulate", "shop", "--members", 2000, "--seed", 7, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def loaded(market: Path) -> Path:
    """The same folder, with the marketplace loaded into its default store."""
    done = run_graphml("load", "shop", cwd=market)
    assert done.returncode == 0, done.stderr
    return market
