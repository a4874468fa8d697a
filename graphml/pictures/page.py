"""An SVG as a page may show it: told in words, and without a style that a strict page refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from graphml.pictures.values import Values

_TAG = re.compile(r"<[A-Za-z][^<>]*>")
"""Of an element: text cannot be taken for one, since a < in it is escaped."""
_STYLE = re.compile(r' style="([^"]*)"')
_SHEET = re.compile(r"<defs>\s*<style[^<]*</style>\s*</defs>\s*")
_FONT = re.compile(r"(?P<how>.*?)(?P<size>[\d.]+px) (?P<family>.*)")


def page_svg(text: str, values: Values) -> str:
    """Return what matplotlib wrote with title and description, for any page.

    A content security policy without ``unsafe-inline`` would leave a picture black: styles become
    attributes of their own. The document type goes, with its address of a DTD.
    """
    body, name = text[text.index("<svg") :], f"graphml-{values.name}"
    opening = re.match(r"<svg\b[^>]*", body)
    assert opening is not None
    # What the style sheet says of every element, its root hands down to them.
    rest = _SHEET.sub("", body[opening.end() + 1 :], count=1)
    rest = _TAG.sub(lambda tag: _STYLE.sub(_attributes, tag[0]), rest)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n{opening[0]} role="img" '
        f'aria-labelledby="{name}-title {name}-desc" '
        'stroke-linejoin="round" stroke-linecap="butt">\n'
        f' <title id="{name}-title">{escape(values.title)}</title>\n'
        f' <desc id="{name}-desc">{escape(values.alt)}</desc>{rest}'
    )


def _attributes(style: re.Match[str]) -> str:
    pairs = (one.split(":", 1) for one in style[1].split(";") if one.strip())
    return "".join(_attribute(name.strip(), value.strip()) for name, value in pairs)


def _attribute(name: str, value: str) -> str:
    """Return a declaration as an attribute; ``font`` has none, its parts do.

    >>> _attribute("fill", "none"), _attribute("font", "bold 10px serif")
    (' fill="none"', ' font-weight="bold" font-size="10px" font-family="serif"')
    """
    font = _FONT.fullmatch(value) if name == "font" else None
    if font is None:
        return f' {name}="{value}"'
    weight = f' font-weight="{font["how"].strip()}"' if font["how"] else ""
    return f'{weight} font-size="{font["size"]}" font-family="{font["family"]}"'
