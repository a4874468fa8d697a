"""The built page in Debian's Chromium, served by the real service over a store of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from graphml.service.keys import KeyRing, now
from graphml.service.page import page_folder
from tests.service.conftest import shop

__all__ = ["shop"]  # a fixture: the store that is copied here, too

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "explorer" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)  # fmt: skip
TOML = "[service]\nlook_s = 0.2\nrate_per_s = 100000.0\nburst = 100000\n"


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "tests/explorer" in str(item.path):
            item.add_marker("browser")


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("no chromium: make chromium, or apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if page_folder() is None:
        pytest.fail("the page is not built: make explorer")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS])
        yield started
        started.close()


@dataclass
class Site:
    """A running service."""

    folder: Path
    address: str
    process: subprocess.Popen[str]
    reader: threading.Thread
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"embedded://{self.folder}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        self.reader.join()
        self.process.stderr.close()


def wait_until_ready(address: str, key: str | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    asked = urllib.request.Request(f"{address}ready", headers=headers)
    for _ in range(1_200):
        try:
            urllib.request.urlopen(asked).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.05)
    pytest.fail(f"{address} was not ready within a minute")


def start_site(folder: Path, *arguments: str, port: int = 0, key: str | None = None) -> Site:
    (folder.parent / "graphml.toml").write_text(TOML)
    command = [sys.executable, "-m", "graphml", *arguments, "--port", str(port), "--store", f"embedded://{folder}"]  # fmt: skip
    process = subprocess.Popen(command, cwd=folder.parent, stderr=subprocess.PIPE, text=True)
    line = process.stderr.readline()
    assert " at http" in line, line + process.stderr.read()
    # Nobody reads on: the log would fill the pipe.
    reader = threading.Thread(target=process.stderr.read, daemon=True)
    reader.start()
    address = line.split(" at ")[1].split(" ")[0]
    wait_until_ready(address, key)
    return Site(folder, address, process, reader)


@pytest.fixture(scope="module")
def copied(shop, tmp_path_factory) -> Callable[[], Path]:
    def copy() -> Path:
        folder = tmp_path_factory.mktemp("site") / "store"
        shutil.copytree(shop, folder)
        return folder

    return copy


@pytest.fixture(scope="module")
def site(copied) -> Iterator[Site]:
    """The explorer as one person runs it on a machine."""
    found = start_site(copied(), "explore", "--no-browser")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def office(copied) -> Iterator[Site]:
    """A service with keys of several people."""
    folder = copied()
    ring = KeyRing(folder)
    people = {"vera": "viewer", "ana": "analyst", "ben": "analyst", "root": "admin"}
    keys = {name: ring.make(name, role, now=now())[1] for name, role in people.items()}
    found = start_site(folder, "serve", key=keys["root"])
    found.keys = keys
    yield found
    found.stop()


class Explorer:
    """A page of the explorer, and what it said on the console."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda m: self.said.append(m.text) if m.type in ("error", "warning") else None)  # fmt: skip
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.set_default_timeout(20_000)

    def open(self, **state) -> Explorer:
        self.page.goto(
            f"{self.address}?{urlencode({'test': 1, 'lang': 'en', **state}, doseq=True)}"
        )
        return self

    def ring(self, ring_id: str | None = None, **state) -> Explorer:
        self.open(**({"ring": ring_id} if ring_id else {}), **state)
        self.find("counts").wait_for()
        return self

    def find(self, name: str):
        return self.page.get_by_test_id(name)

    def text(self, name: str) -> str:
        return self.find(name).inner_text()

    def click(self, name: str) -> None:
        self.find(name).first.click()

    def place(self, node: str) -> dict[str, float]:
        self.page.wait_for_function("(id) => window.__graphmlTest?.nodePosition(id)", arg=node)
        return self.page.evaluate("(id) => window.__graphmlTest.nodePosition(id)", node)

    def violations(self) -> list[str]:
        """Return what axe finds, serious or worse."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")  # fmt: skip
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]


@pytest.fixture
def explorer(browser) -> Iterator[Callable[..., Explorer]]:
    """Open pages; none of them may say anything on the console or ask another host."""
    contexts, pages = [], []

    def make(site: Site, *, quiet: bool = True, **options) -> Explorer:
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, **{"color_scheme": "light", **options}
        )
        contexts.append(context)
        page = Explorer(context.new_page(), site.address)
        pages.append((page, quiet))
        return page

    yield make
    for page, quiet in pages:
        if quiet:
            assert page.said == []
        assert all(url.startswith((page.address, "blob:", "data:")) for url in page.asked)
    for context in contexts:
        context.close()
