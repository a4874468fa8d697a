"""The reference is made from the code and is not stale."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
assert _spec
assert _spec.loader
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_the_page_is_what_the_code_says(name: str) -> None:
    path = DOCS / "reference" / f"{name}.md"
    assert path.read_text(encoding="utf-8") == generate.page(name), "python docs/generate.py"
