"""What holds for any rows: nothing vanishes, order decides nothing, what was written comes back."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphml.schema import KINDS
from tests.tables.rows import GOOD, HEADER, check_sum, load, load_csv

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8
).filter(lambda text: text.strip() != "" and text.strip("\r") == text)
times = st.datetimes(datetime(1971, 1, 1), datetime(2024, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
rows = st.fixed_dictionaries(
    {
        "event_id": names,
        "time": times,
        "kind": st.sampled_from(KINDS),
        "member_id": names,
        "product_id": names,
        "ip": st.none() | names,
        "amount": st.none() | st.floats(0, 1e12),
        "quantity": st.none() | st.integers(1, 2**53),
    }
)
SCHEMA = {
    "event_id": pl.String, "time": pl.Datetime("us", "UTC"), "kind": pl.String, "member_id": pl.String,
    "product_id": pl.String, "ip": pl.String, "amount": pl.Float64, "quantity": pl.Int64,
}  # fmt: skip


def written(frame: pl.DataFrame, folder: Path, form: str) -> None:
    if form == "parquet":
        frame.write_parquet(folder / "events.parquet")
        return
    text = frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    if form == "csv":
        text.write_csv(folder / "events.csv")
    else:
        text.write_ndjson(folder / "events.jsonl")


@QUICK
@given(
    found=st.lists(rows, min_size=1, max_size=12, unique_by=lambda row: row["event_id"]),
    form=st.sampled_from(["csv", "jsonl", "parquet"]),
)
def test_what_was_written_comes_back(found, form):
    frame = pl.DataFrame(found, schema=SCHEMA)
    with TemporaryDirectory() as folder:
        written(frame, Path(folder), form)
        tables, quarantine = load(Path(folder))
    assert quarantine.rows.is_empty(), quarantine.rows.row(0)
    assert tables.events.select(*SCHEMA).sort("event_id").equals(frame.sort("event_id"))


@QUICK
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 6)), max_size=8
    ),
    cut=st.integers(0, 60),
)
def test_no_row_vanishes_whatever_happens_to_the_file(edits, cut):
    text = "".join(GOOD.replace("e-1", f"e-{n}").replace("m-1", f'"m\n{n}"') for n in range(8))
    data = bytearray((text + GOOD).encode())
    for at, new, removed in edits:
        start = at % len(data)
        data[start : start + removed] = new
    with TemporaryDirectory() as folder:
        _, quarantine = load_csv(Path(folder), HEADER.encode() + bytes(data[: len(data) - cut]))
    lines = quarantine.rows["line"]
    assert lines.is_between(2, 2 + data.count(b"\n")).all()


@QUICK
@given(
    copies=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.sampled_from(["m", "n"])),
        min_size=1,
        max_size=12,
    ),
    order=st.randoms(),
)
def test_the_order_of_rows_decides_nothing(copies, order):
    lines = [f"{name},2024-01-0{day}T00:00:00Z,login,{member},,\n" for name, day, member in copies]
    shuffled = lines.copy()
    order.shuffle(shuffled)
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        first, told = load_csv(Path(one), HEADER + "".join(lines))
        second, told_again = load_csv(Path(other), HEADER + "".join(shuffled))
    assert first.events.sort("event_id").equals(second.events.sort("event_id"))
    assert told.repeats == told_again.repeats
    assert told.rows["row"].sort().equals(told_again.rows["row"].sort())


@QUICK
@given(
    found=st.lists(rows, min_size=1, max_size=10),
    extra=st.lists(st.sampled_from(["x,y", '"', "a,b,c,d,e,f,g", ""]), max_size=3),
)
def test_the_sum_holds_over_repeats_clashes_and_malformed_lines(found, extra):
    frame = pl.DataFrame([*found, *found[:3]], schema=SCHEMA)
    with TemporaryDirectory() as folder:
        written(frame, Path(folder), "csv")
        with (Path(folder) / "events.csv").open("a", encoding="utf-8") as file:
            file.write("\n".join(extra))
        tables, quarantine = load(Path(folder))
        check_sum(tables, quarantine)
    assert quarantine.read["events"] >= frame.height
    assert tables.events["event_id"].n_unique() == len({row["event_id"] for row in found})
