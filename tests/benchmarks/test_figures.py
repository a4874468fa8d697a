"""Benchmarks measure their own process, and a page says where its figures come from."""

import subprocess

import pytest

from benchmarks.common import Table
from benchmarks.processes import measured, peak_rss_mb
from benchmarks.rings import summary


def test_a_process_is_timed_and_its_last_line_is_the_result():
    found = measured("this", [])
    assert found.seconds > 0
    assert 0 < found.peak_rss_mb <= max(peak_rss_mb(), 200)


def test_a_failed_process_is_an_error():
    with pytest.raises(subprocess.CalledProcessError):
        measured("graphml", ["no-such-command", "--quiet"])


def test_means_are_taken_by_method():
    markets = [
        {
            "methods": [
                {"method": "a", "pair_f1": f1, "seconds": None},
                {"method": "b", "pair_f1": 0.5},
            ]
        }
        for f1 in (0.25, 0.75)
    ]
    assert summary(markets) == {"a": {"pair_f1": 0.5}, "b": {"pair_f1": 0.5}}


def test_a_page_holds_every_table_and_names_its_command():
    one = Table(title="One", text="First.", columns=("a", "b"), rows=[("1", "2")])
    two = Table(title="Two", text="Second.", columns=("c",), rows=[("3",)])
    page = one.markdown("python -m benchmarks.one --write", {"cores": 2}, (two,))
    assert page.splitlines()[0] == "# One"
    assert "## Two\n\nSecond.\n\n| c |\n| --- |\n| 3 |\n" in page
    assert page.endswith("Made by `python -m benchmarks.one --write` on: cores 2.\n")
