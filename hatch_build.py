"""What a wheel holds beside the package: the page of ``graphml explore``, built by ``make explorer``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGE = "explorer/dist"


class PageHook(BuildHookInterface[Any]):
    """Includes the built page in wheels; an editable install finds it beside the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the page to a wheel.

        Raises:
            FileNotFoundError: It is not built.
        """
        if version != "standard":
            return
        if not (Path(self.root) / PAGE / "index.html").is_file():
            raise FileNotFoundError(f"{PAGE} is not built; try: make explorer, then make wheel")
        build_data["force_include"][PAGE] = "graphml/_data/explorer"
