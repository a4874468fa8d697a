"""How aggregates are put into words."""

import re

import pytest

from graphml.tabular.aggregates import AGGREGATES


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("gap_max_hours", 72.0, "silent for 72 hours, then"),
        ("gap_max_hours", 4868.0, "silent for 203 days, then"),
        ("neighbours_signup_hours", 5.25, "signed up 5.2 hours from"),
        ("neighbours_signup_hours", 90.0, "signed up 3.75 days from"),
        ("night_share", 0.677419, "0.68"),
        ("spent_7d", 1234.567, "1235 spent"),
        ("spent_7d", 12.345, "12.3 spent"),
        ("order_amount", 1234.56, "an amount of 1234.56"),
        ("purchases_7d", 12345.0, "12345 purchases"),
    ],
)
def test_hours_of_days_are_days_and_digits_are_few(name, value, said):
    assert said in AGGREGATES[name].worded(value)


@pytest.mark.parametrize("value", [0.123456, 1.23456, 12.3456, 123.456, 98765.4321])
def test_no_reason_has_more_than_three_digits_beside_counts(value):
    for aggregate in AGGREGATES.values():
        if aggregate.reason is not None and aggregate.name != "order_amount":
            for number in re.findall(r"[0-9]+\.[0-9]+", aggregate.worded(value)):
                assert len(number.replace(".", "").lstrip("0")) <= 3, aggregate.worded(value)


def test_without_a_reason_there_are_no_words():
    with pytest.raises(ValueError, match="gap_min_hours has no reason"):
        AGGREGATES["gap_min_hours"].worded(1.0)
