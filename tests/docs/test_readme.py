"""The README's first screen tells the truth."""

from pathlib import Path

from tests.docs.test_reference import generate

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_demo_prints_what_the_readme_shows() -> None:
    readme = README.read_text(encoding="utf-8")
    assert "\nr-" in readme, "the demo's rings are in the README"
    assert generate.with_block(readme, "demo", generate.demo_block()) == readme, (
        "python docs/generate.py --readme"
    )


def test_the_figures_are_those_of_the_benchmarks() -> None:
    readme = README.read_text(encoding="utf-8")
    assert "0.9" in readme, "figures are in the README"
    assert generate.with_block(readme, "figures", generate.figures_block()) == readme, (
        "python docs/generate.py --readme"
    )


def test_the_readme_names_the_two_commands() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme.index("$ make demo") < readme.index("$ make test")
