"""``explain order`` and ``explain review``: why one has its score, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.cli import options
from graphml.cli.member import print_explanation, require_format, story, verdict
from graphml.cli.models import models_of
from graphml.cli.output import require_writable
from graphml.cli.progress import progress
from graphml.cli.verdicts import decisions_on, verdict_line, with_verdict
from graphml.errors import one_line
from graphml.results import time_text

if TYPE_CHECKING:
    from graphml.explain.order import OrderExplanation


def explain_an_order(
    url: str,
    id_: str,
    folder: Path | None,
    *,
    unit: str,
    as_of: str | None,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Print why an order or review has the score that the store's model of orders gives it.

    Raises:
        UsageError: There is no such order, review, model or format, or the model knows what came
            after ``as_of``.
    """
    from graphml.pipeline.explaining_orders import explain_stored_order
    from graphml.store.connect import connect

    require_format(format_, unit)
    require_writable(out)
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        explained = explain_stored_order(
            source, folder or models_of(url, None) / "orders", id_, unit=unit, as_of=moment
        )
        decided = decisions_on(source, "order", explained.order_id)
    lines = [*_story(explained), *map(verdict_line, decided)]
    print_explanation(with_verdict(explained.to_json(), decided), lines, format_, out)


def _story(explained: OrderExplanation) -> Iterator[str]:
    money = f"{explained.exposure:.2f} {one_line(explained.currency or '', 10)}".rstrip()
    yield f"{explained.unit} {one_line(explained.id, 60)}  {verdict(explained.why)}"
    yield f"of member {one_line(explained.why.member_id, 60)}, {money}"
    yield from story(explained.why)
    if explained.seen:
        until = time_text(explained.known_until)
        yield f"the model was trained on data up to {until}, after it: it may have learned from it"
