"""What went through a ring's shared identifiers, in one currency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphml.rings.dossier import KIND, NONE, Dossier


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """Gross and net of one currency; ``currency`` is ``None`` where there is none, or several."""

    gross: float
    net: float
    currency: str | None


def amounts_of(dossier: Dossier) -> Amounts:
    """Return what the members bought through the identifiers they share, and that less refunds.

    A group that shares none, being only in step, counts with all that its members bought.
    Refunds count where they name an order bought so, or carry a shared identifier themselves.
    Currencies are never summed: the most frequent one counts (the first by name where equal). Events
    that name none are taken to share one that nobody stated.
    """
    rows = dossier.rows
    through = dossier.on_shared if dossier.on_shared.any() else np.ones(len(rows), dtype=bool)
    shared = through & ~np.isnan(rows.amount)
    bought = rows.where(shared & (rows.kind == KIND["purchase"]))
    codes, counts = np.unique(bought.currency, return_counts=True)
    number = {_name(dossier, int(c)): (int(n), int(c)) for c, n in zip(codes, counts, strict=True)}
    if not number:
        return Amounts(gross=0.0, net=0.0, currency=None)
    currency = min(number, key=lambda name: (-number[name][0], name))
    code = number[currency][1]
    bought = bought.where(bought.currency == code)
    orders = np.unique(bought.order[bought.order != NONE])
    through = shared | (np.isin(rows.order, orders) & ~np.isnan(rows.amount))
    back = rows.where(through & (rows.kind == KIND["refund"]) & (rows.currency == code))
    gross = float(bought.amount.sum())
    return Amounts(
        gross=round(gross, 2),
        net=round(gross - float(back.amount.sum()), 2),
        currency=currency if currency and len(number) == 1 else None,
    )


def _name(dossier: Dossier, code: int) -> str:
    """Return the name of a currency, empty for none."""
    if code == NONE:
        return ""
    rows = dossier.rows
    return str(dossier.graph.events["currency"][int(rows.row[rows.currency == code][0])])
