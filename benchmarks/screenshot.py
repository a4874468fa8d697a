"""Take the README's picture: ``python -m benchmarks.screenshot``, on the demo's marketplace, in Chromium."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.common import ROOT

OUT = ROOT / "docs" / "images" / "explorer.png"
_PORT = 8795
_ADDRESS = f"http://127.0.0.1:{_PORT}/"
_FLAGS = ("--no-sandbox", "--disable-background-networking", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")  # fmt: skip


def main() -> None:
    """Make the demo's store, serve it, and write the picture, with few colours to stay small."""
    graphml = [sys.executable, "-m", "graphml"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*graphml, "demo", "--quiet"], cwd=folder, check=True, capture_output=True)
        command = [*graphml, "explore", "--no-browser", "--quiet", "--port", str(_PORT)]
        process = subprocess.Popen(command, cwd=folder)
        try:
            _wait()
            picture = _picture()
        finally:
            process.terminate()
            process.wait()
    OUT.parent.mkdir(exist_ok=True)
    small = Image.open(io.BytesIO(picture)).convert("RGB").quantize(160, dither=Image.Dither.NONE)
    small.save(OUT, optimize=True)
    sys.stdout.write(f"{OUT}: {OUT.stat().st_size:,} bytes\n")


def _wait() -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{_ADDRESS}ready").close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(_ADDRESS)


def _picture() -> bytes:
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=[*_FLAGS])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.goto(f"{_ADDRESS}?lang=en&theme=light")
        page.get_by_test_id("counts").wait_for()
        page.get_by_test_id("evidence").get_by_test_id("reason").nth(1).click()
        page.wait_for_timeout(1_500)
        made = page.screenshot()
        browser.close()
    return made


if __name__ == "__main__":
    main()
