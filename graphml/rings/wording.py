"""How evidence is put into words: counts, names, spans and dates, safe for any id."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphml.errors import one_line
from graphml.graph.nodes import moment_of

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""Microseconds."""

_ID_LENGTH = 60


def day(time: int) -> str:
    """Return the date of ``time`` in words.

    >>> day(0)
    '1 January 1970'
    """
    when = moment_of(time)
    return f"{when.day} {when:%B} {when.year}"


def clock(time: int) -> str:
    """Return the date and minute of ``time`` in words.

    >>> clock(61_000_000)
    '1 January 1970, 00:01 UTC'
    """
    return f"{day(time)}, {moment_of(time):%H:%M} UTC"


def period(start: int, end: int, *, zone: str = " UTC") -> str:
    """Return the days from ``start`` to ``end``, both inclusive; a sentence names its zone once.

    >>> period(0, 5), period(0, 86_400_000_000, zone="")
    ('on 1 January 1970 UTC', 'from 1 January 1970 to 2 January 1970')
    """
    first, last = day(start), day(end)
    return f"on {first}{zone}" if first == last else f"from {first} to {last}{zone}"


def length(microseconds: int) -> str:
    """Return a length of time, rounded up to whole units: under it, or exactly it.

    >>> [length(x) for x in (0, 60_000_000, 61_000_000, 47 * 3_600_000_000, 3 * 86_400_000_000)]
    ['1 minute', '1 minute', '2 minutes', '47 hours', '3 days']
    """
    for unit, name, most in ((MINUTE, "minute", 120), (HOUR, "hour", 48)):
        amount = max(1, math.ceil(microseconds / unit))
        if amount < most:
            return count(amount, name)
    return count(math.ceil(microseconds / DAY), "day")


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "member"), count(1200, "member"), count(2, "address")
    ('1 member', '1,200 members', '2 addresses')
    """
    many = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else many}"


def number(value: float) -> str:
    """Return a number with at most three significant digits; whole ones and large ones are whole.

    >>> number(0.677419), number(12345.0), number(1234.5), number(3.0)
    ('0.677', '12,345', '1,234', '3')
    """
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.3g}"


def name(text: str) -> str:
    r"""Return an id on one line, shortened where it is long.

    >>> name("d-5"), name("a\nb")
    ('d-5', 'a\\nb')
    """
    return one_line(text, _ID_LENGTH)


def names(ids: Sequence[str], limit: int = 3) -> str:
    """Return ids in a row, the first ``limit`` by name.

    >>> names(["m-1"]), names(["m-1", "m-2"]), names(["a", "b", "c", "d", "e"])
    ('m-1', 'm-1 and m-2', 'a, b, c and 2 others')
    """
    shown = [name(i) for i in ids[:limit]]
    rest = len(ids) - len(shown)
    if rest:
        shown.append("1 other" if rest == 1 else f"{rest:,} others")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def share(part: int, whole: int) -> str:
    """Return a share in percent, to one decimal below ten.

    >>> share(34, 40), share(1, 30)
    ('85 %', '3.3 %')
    """
    percent = 100 * part / whole
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


CODES = {
    "CHARGEBACK": "a member's order was charged back, or a fraud label says so",
    "ACCOUNTS_IN_TURN": "accounts opened one after the other, each tied to the one before",
    "ACCOUNTS_IN_STEP": "accounts that all bought within a minute of sign-up, in the same days",
    **{
        f"SHARED_{kind.upper()}{burst}": f"members share {article} {kind}{when}"
        for kind, article in (
            ("device", "a"),
            ("address", "an"),
            ("ip", "an"),
            ("card", "a"),
            ("phone", "a"),
            ("email", "an"),
        )
        for burst, when in (("", ""), ("_BURST", ", all of them in a short time"))
    },
    "LINKED_VIEWS": "members share identifiers of two types or more",
    "REVIEWS_IN_STEP": "members reviewed the same seller",
    "PURCHASES_IN_STEP": "members bought the same product",
    "SIGNUPS_TOGETHER": "members signed up in a short time",
    "COUPONS": "far more purchases with a coupon than usual",
    "REFUNDS": "far more refunds than usual",
    "TAKEOVER_NEW_DEVICE": "accounts with a life of their own were entered from a shared device",
    "HOUSEHOLD": "members may live together",
    "OLD_ACCOUNTS": "accounts opened at different times, long before what they share began",
    "LOCKER": "an address of many, as a parcel locker is",
    "HUB": "an identifier of many, as an office's network is",
    "SECOND_HAND": "a device that may have been sold on",
    "OWN_LIFE": "members do most of what they do apart",
    "LEGITIMATE_USER": "a member may be the honest user of what others misused",
    "NO_CHARGEBACK_YET": "no fraud by the members is known by then",
}
"""What each code of evidence and counter-evidence means."""
