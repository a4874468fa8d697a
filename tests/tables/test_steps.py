"""Formulas and the steps of normalisation."""

import polars as pl
import pytest

from graphml.errors import CardError
from graphml.tables.formulas import Formula
from graphml.tables.normalise import step_named

FRAME = pl.DataFrame(
    {
        "q": ["2", "-1", None, "x"],
        "unit price": ["1.5", "2", "3", ""],
        "o.c": ["FR", "DE", "FR", None],
    }
)


def same(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("-q * `unit price` + abs(q)", [-1.0, 3.0, None, None]),
        ("round(q / 3)", [0.67, -0.33, None, None]),
        ("(q - 1) * 10", [10.0, -20.0, None, None]),
    ],
)
def test_arithmetic(text, values):
    assert FRAME.select(Formula(text).value(same).alias("v"))["v"].to_list() == values


def test_cells_that_are_no_numbers_are_told():
    unread = FRAME.select(Formula("q * `unit price`").unread(same).alias("v"))["v"]
    assert unread.to_list() == [None, None, None, "x"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("q < 0", [1]),
        ("q >= -1 and q != 2", [1]),
        ("not q < 0", [0]),
        ("o.c == ''", [3]),
        ("o.c != 'FR' or q == 2", [0, 1, 3]),
        ("o.c in ['FR', 'GB']", [0, 2]),
        ("o.c not in ['FR', 'GB']", [1, 3]),
    ],
)
def test_comparisons(text, rows):
    held = FRAME.select(Formula(text).holds(same).alias("v"))["v"]
    assert held.arg_true().to_list() == rows


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "q[0]",
        "[q for q in q]",
        "q ** 9",
        "(lambda: 1)()",
        "a.b.c",
        "f'{q}'",
        "q := 1",
        "",
        "(" * 300,
    ],
)
def test_what_the_language_lacks_is_refused(text):
    with pytest.raises(CardError):
        FRAME.select(Formula(text).value(same))


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("strip", " a ", "a"),
        ("lower", "ÄB", "äb"),
        ("upper", "äb", "ÄB"),
        ("spaces", " a \t b ", "a b"),
        ("email", " Ann+tag@X.org ", "ann@x.org"),
        ("email", "a.b.c@googlemail.com", "abc@gmail.com"),
        ("email", "+x@y.z", "+x@y.z"),
        ("email", "nonsense", "nonsense"),
        ("postal", "Königstraße 5,\nAPARTMENT 2", "konigstrasse 5 apt 2"),
        ("phone", "(442) 425-8528", "4424258528"),
        ("ip", "3232235777", "192.168.1.1"),
        ("ip", "2001:0DB8::0001", "2001:db8::1"),
        ("ip", "nan", None),
        ("ip", "1e99", None),
        ("ip", "999.1.1.1", None),
        ("ip", "10.1.1.1:443", None),
        ("network/24", "999.1.1.1", None),
        ("network/24", "192.168.1.77", "192.168.1.0/24"),
        ("network/16", "3232235777", "192.168.0.0/16"),
        ("network/24", "2001:db8:1:2:3::", "2001:db8:1:2::/64"),
        ("integer", "12.00", "12"),
        ("integer", "1.5", "1.5"),
        ("hash", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ],
)
def test_steps(step, before, after):
    function = step_named(step)
    assert function is not None
    assert function(pl.Series("c", [before, None, before])).to_list() == [after, None, after]


@pytest.mark.parametrize("name", ["network/33", "network/", "network/x", "Lower", ""])
def test_unknown_steps(name):
    assert step_named(name) is None
