"""Rings with and without members' scores: what a trained detector adds to structure alone.

``python -m benchmarks.risk [--json] [--quick] [--write]``. Each marketplace of 20,000 members is
learned from as of its last event, by what was known then, and searched for rings as of the same
moment, once without the detector's scores and once with them; the truth decides. Seeds 2001 to
2005, never looked at while rings were made; what scores do was fitted on hard marketplaces of
seeds 11 to 16 and looked at on 7, 8 and 21. ``--quick`` searches one small marketplace.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.common import Table, finish, parser, progress
from benchmarks.processes import measured

SEEDS = (2001, 2002, 2003, 2004, 2005)
_OTHERS = ("grocery", "fashion", "electronics")
_MEASURES = {
    "pair_f1": "pair F1",
    "pair_precision": "pair precision",
    "pair_recall": "pair recall",
    "bcubed_f1": "B-cubed F1",
    "recovered_j50": "recovered",
    "benign_per_1000": "benign per 1,000",
}


def both_ways(folder: Path) -> dict[str, Any]:
    """Return the ring measures of one marketplace without scores and with them."""
    from benchmarks.market import read_market
    from graphml.config import FraudConfig, RingConfig
    from graphml.fraud.fitting import fit_detector
    from graphml.graph.build import build_graph
    from graphml.pipeline.fraud import detector_labels
    from graphml.rings.evaluate import evaluate_rings, read_truth
    from graphml.rings.extract import extract_rings

    tables = read_market(folder)
    truth, groups = read_truth(folder.with_name(f"{folder.name}.truth"))
    graph = build_graph(tables)
    as_of = graph.events["time"][-1]
    config = FraudConfig(network=False)
    parts, _ = detector_labels(tables, config, as_of=as_of)
    fitted = fit_detector(
        graph, parts["train"], parts["valid"], None, config, None, complete=False, digests={}
    )
    detector = fitted.detector
    scores = detector.score(graph, as_of=as_of) if detector.trees else None
    result = {}
    for name, given in (("without", None), ("with", scores)):
        rings = extract_rings(graph, given, RingConfig(), as_of=as_of)
        report = evaluate_rings(rings, truth, groups, graph=graph, as_of=as_of, baselines=())
        result[name] = {key: report.rows()[0][key] for key in _MEASURES}
    return result


def one_market(kind: str, seed: int, members: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        market = str(Path(folder) / "market")
        progress(f"{kind}, seed {seed}, {members:,} members")
        measured("benchmarks.market", ["make", market, kind, str(seed), str(members)])
        found = dict(measured("benchmarks.risk", [market]).result)
    progress(f"pair F1 {found['without']['pair_f1']:.3f}, {found['with']['pair_f1']:.3f}")
    return {"kind": kind, "market_seed": seed, **found}


def table_of(kind: str, markets: list[dict[str, Any]]) -> Table:
    gains = [m["with"]["pair_f1"] - m["without"]["pair_f1"] for m in markets]
    return Table(
        title=f"Rings on {kind}, without and with scores",
        text=(
            f"{len(markets)} marketplaces of 20,000 members, as of the last event; the detector learned from what "
            f"was known then. Mean (lowest to highest). With scores pair F1 is higher by {mean(gains):+.3f} "
            f"({min(gains):+.3f} to {max(gains):+.3f})."
        ),
        columns=("scores", *_MEASURES.values()),
        rows=[[way, *_cells(way, markets)] for way in ("without", "with")],
    )


def _cells(way: str, markets: list[dict[str, Any]]) -> list[str]:
    found = [[market[way][key] for market in markets] for key in _MEASURES]
    return [f"{mean(v):.3f} ({min(v):.3f} to {max(v):.3f})" for v in found]


def main() -> int:
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        print(json.dumps(both_ways(Path(sys.argv[1]))))
        return 0
    options = parser("risk", __doc__).parse_args()
    wanted = [("hard", SEEDS), ("default", SEEDS), *((kind, SEEDS[:2]) for kind in _OTHERS)]
    if options.quick:
        wanted = [("default", (1,))]
    members = 3_000 if options.quick else 20_000
    markets = [one_market(kind, seed, members) for kind, seeds in wanted for seed in seeds]
    first, *further = [
        table_of(kind, [m for m in markets if m["kind"] == kind]) for kind, _ in wanted
    ]
    seeds = [1] if options.quick else list(SEEDS)
    return finish("risk", options, {"markets": markets}, first, seed=seeds, further=further)


if __name__ == "__main__":
    sys.exit(main())
