"""What members do in four weeks, also with which product: models beside recency and frequency.

``python -m benchmarks.propensity [--json] [--quick] [--write]``. Needs
uci-online-retail/onlineretail.csv.gz and complete-journey/transactions_sample.csv.gz and
products.csv.gz (see their cards under datasets) in ../shared/data or the folder of GRAPHML_DATA.
All is learned and chosen by what was known four weeks before the end, and asked about the last four
weeks. ``--quick`` looks at the second shop with one moment to learn from.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.cards import folder_of, tables_of
from benchmarks.common import Table, finish, parser, progress
from benchmarks.processes import peak_rss_mb
from benchmarks.recommend import SHOPS
from graphml.config import PropensityConfig
from graphml.graph.build import build_graph
from graphml.pipeline.propensity import moments_of
from graphml.propensity.answers import ask
from graphml.propensity.fitting import fit_propensity, report_rows
from graphml.recommend import chances_fitting as pairs
from graphml.recommend.chances_asked import EACH
from graphml.recommend.chances_asked import ask as ask_pairs


def one_shop(name: str, config: PropensityConfig) -> dict[str, Any]:
    progress(f"{name}: read")
    graph = build_graph(tables_of(name, folder_of(name, *SHOPS[name])))
    as_of = graph.events["time"].max()
    start = time.perf_counter()
    train, valid, test = moments_of(graph, config, as_of=as_of)  # type: ignore[arg-type]
    fitted = fit_propensity(graph, train, valid, config=config, digests={})
    seconds = time.perf_counter() - start
    progress(f"{name}: report")
    asked = ask(graph, test, config)
    own = peak_rss_mb()
    start = time.perf_counter()
    taught = pairs.fit_pairs(graph, train, valid, config=config, digests={})
    pair_s = time.perf_counter() - start
    progress(f"{name}: report on pairs")
    start = time.perf_counter()
    told = pairs.report_rows(taught.model, ask_pairs(graph, test, config))
    report_s = time.perf_counter() - start
    return {
        "data": name, "events": graph.events.height, "members": len(asked), "moment": test.isoformat(),
        "moments": len(train), "rows": fitted.train, "validation": dict(fitted.validation),
        "left_out": list(fitted.left_out), "methods": report_rows(fitted.model, graph, asked),
        "fit_s": seconds, "peak_rss_mb": own,
        "pairs": {
            "learned": taught.train, "valid": taught.valid, "share": taught.share,
            "left_out": list(taught.left_out), "validation": dict(taught.validation), "methods": told,
            "fit_s": pair_s, "report_s": report_s, "peak_rss_mb": peak_rss_mb(),
        },
    }  # fmt: skip


def table(shop: Mapping[str, Any]) -> Table:
    return Table(
        title=f"On {shop['data']}",
        text=(
            f"{shop['events']:,} events. As of {shop['moment']}, four weeks before the end: what the "
            f"{shop['members']:,} members known by then did in these weeks; churn (no purchase) of those who had bought "
            f"within 90 days. Learned from {shop['moments']} earlier moments ({shop['rows']:,} rows), chosen and "
            "calibrated by the four weeks before the moment. The first row of a target is the method that ships. In "
            "brackets 95 % intervals (bootstrap by member), for the difference in AUROC on the same samples. "
            f"Training took {shop['fit_s']:.0f} s, peak memory {shop['peak_rss_mb']:.0f} MB."
        ),
        columns=(
            "target", "method", "AUROC", "average precision", "the first is above by", "calibration error", "base rate", "members",
        ),
        rows=[_row(row) for row in shop["methods"]],
    )  # fmt: skip


def pair_table(shop: Mapping[str, Any]) -> Table:
    found = shop["pairs"]
    first = found["methods"][0]
    return Table(
        title=f"Members and products of {shop['data']}",
        text=(
            f"The same moment and weeks: what {first['members']:,} members known by then did with each product that "
            f"a source named for them ({EACH} a source at most), {first['pairs']:,} pairs, whether or not they came back "
            "at all; named: the share of all that these members did that is among the pairs. Learned from "
            f"{found['learned']:,} pairs of earlier moments (of those that came to nothing {found['share']:.3g} of all), both "
            f"methods calibrated on the {found['valid']:,} of the four weeks before the moment. The first row of a target "
            "is the method that ships. In brackets 95 % intervals (bootstrap by member), for differences on the same "
            f"samples. Training took {found['fit_s']:.0f} s, the report {found['report_s']:.0f} s, peak memory "
            f"{found['peak_rss_mb']:.0f} MB."
        ),
        columns=(
            "target", "method", "AUROC", "average precision", "AUROC: the first is above by",
            "average precision: above by", "calibration error", "log loss", "base rate", "named",
        ),
        rows=[_pair_row(row) for row in found["methods"]],
    )  # fmt: skip


def _pair_row(row: Mapping[str, Any]) -> Sequence[str]:
    above = ("above", "average_precision_above")
    return [
        row["target"], row["method"], _bounded(row, "auroc"), _bounded(row, "average_precision"),
        *("" if row["ships"] else _bounded(row, name, "+") for name in above),
        f"{row['calibration_error']:.4f}", f"{row['log_loss']:.4f}", f"{row['base_rate']:.4f}", f"{row['named']:.3f}",
    ]  # fmt: skip


def _bounded(row: Mapping[str, Any], name: str, sign: str = "") -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:{sign}.4f} ({low:{sign}.4f} to {high:{sign}.4f})"


def _row(row: Mapping[str, Any]) -> Sequence[str]:
    error = row["calibration_error"]
    return [
        row["target"], row["method"], _bounded(row, "auroc"), _bounded(row, "average_precision"),
        "" if row["ships"] else _bounded(row, "above", "+"), "" if error is None else f"{error:.3f}",
        f"{row['base_rate']:.3f}", f"{row['members']:,}",
    ]  # fmt: skip


def main() -> int:
    options = parser("propensity", __doc__).parse_args()
    config = PropensityConfig(moments=1) if options.quick else PropensityConfig()
    names = list(SHOPS)[1:] if options.quick else list(SHOPS)
    shops = [one_shop(name, config) for name in names]
    first, *further = [made for shop in shops for made in (table(shop), pair_table(shop))]
    return finish("propensity", options, {"shops": shops}, first, seed=config.seed, further=further)


if __name__ == "__main__":
    sys.exit(main())
