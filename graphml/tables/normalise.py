"""Spellings of one thing made one: each step takes a column of text and hands one back."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import unicodedata
from collections.abc import Callable

import polars as pl

Step = Callable[[pl.Series], pl.Series]

# Street words that exports shorten or spell out; the short form wins.
_STREET = {
    "street": "st",
    "avenue": "ave",
    "boulevard": "blvd",
    "road": "rd",
    "drive": "dr",
    "lane": "ln",
    "court": "ct",
    "place": "pl",
    "terrace": "ter",
    "square": "sq",
    "parkway": "pkwy",
    "highway": "hwy",
    "apartment": "apt",
    "suite": "ste",
    "strasse": "str",
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
}
_GMAIL = ("gmail.com", "googlemail.com")
_INTEGERS_V4 = 2**32


def _each(function: Callable[[str], str | None]) -> Step:
    """Return a step that asks ``function`` once for each different value."""

    def step(values: pl.Series) -> pl.Series:
        known = values.drop_nulls().unique()
        made = pl.Series([function(value) for value in known], dtype=pl.String)
        return values.replace_strict(known, made, default=None, return_dtype=pl.String)

    return step


def email(value: str) -> str:
    """Return the mailbox that an address reaches: lower case, no ``+tag``; Gmail knows no dots.

    >>> email("Ann.Lee+shop@GoogleMail.com")
    'annlee@gmail.com'
    """
    local, at, domain = value.strip().lower().rpartition("@")
    if not at:
        return domain
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def postal(value: str) -> str:
    """Return a postal address without case, accents, punctuation and long street words.

    >>> postal("102  Bellevue Boulevard, Baltimore MD")
    '102 bellevue blvd baltimore md'
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    words = re.findall(r"\w+", plain.casefold())
    return " ".join(_STREET.get(word, word) for word in words)


def phone(value: str) -> str:
    """Return the digits of a telephone number, with a leading plus where one was.

    >>> phone("+1 (442) 425-8528"), phone("0049 30 1234")
    ('+14424258528', '+49301234')
    """
    digits = "".join(re.findall(r"\d", value))
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return f"+{digits}" if value.strip().startswith("+") else digits


def ip(value: str) -> str | None:
    """Return an IP address in its usual form, ``None`` for what is none; a number is IPv4.

    >>> ip("732758368.8"), ip("2001:DB8:0::1"), ip("999.1.1.1")
    ('43.173.1.96', '2001:db8::1', None)
    """
    text = value.strip()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        return None
    return str(ipaddress.IPv4Address(number)) if 0 <= number < _INTEGERS_V4 else None


def network(value: str, v4: int, v6: int = 64) -> str | None:
    """Return the network of an IP address: its first ``v4`` bits, or ``v6`` of IPv6.

    What is no address has none.

    >>> network("10.1.2.3", 24), network("2001:db8::1", 24)
    ('10.1.2.0/24', '2001:db8::/64')
    """
    text = ip(value)
    if text is None:
        return None
    address = ipaddress.ip_address(text)
    bits = v4 if address.version == 4 else v6
    return str(ipaddress.ip_network((address, bits), strict=False))


def integer(value: str) -> str:
    """Return a whole number without the point that a float export gave it.

    >>> integer("17850.0"), integer("007"), integer("C12")
    ('17850', '007', 'C12')
    """
    return re.sub(r"^(-?\d+)\.0+$", r"\1", value.strip())


def digest(value: str) -> str:
    """Return SHA-256 of ``value``: no pseudonym, since anybody can try values against it."""
    return hashlib.sha256(value.encode("utf-8")).hexdigest()


STEPS: dict[str, Step] = {
    "strip": lambda values: values.str.strip_chars(),
    "lower": lambda values: values.str.to_lowercase(),
    "upper": lambda values: values.str.to_uppercase(),
    "spaces": lambda values: values.str.strip_chars().str.replace_all(r"\s+", " "),
    "email": _each(email),
    "postal": _each(postal),
    "phone": _each(phone),
    "ip": _each(ip),
    "integer": _each(integer),
    "hash": _each(digest),
}
"""The steps that a card's ``normalise`` can name, beside ``network/BITS``."""
_NETWORK = re.compile(r"network/(\d{1,2})")


def step_named(name: str) -> Step | None:
    """Return the step that a card names, or ``None`` if there is none of that name."""
    match = _NETWORK.fullmatch(name)
    if match and int(match[1]) <= 32:
        bits = int(match[1])
        return _each(lambda value: network(value, bits))
    return STEPS.get(name)
