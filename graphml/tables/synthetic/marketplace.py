"""The made-up marketplace: tables that a shop would export, and the truth behind them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from graphml.config import SimulateConfig
from graphml.tables.frames import TABLES, Tables
from graphml.tables.synthetic.acts import act
from graphml.tables.synthetic.events import tell
from graphml.tables.synthetic.export import (
    events_frame,
    fraud_frame,
    groups_frame,
    labels_frame,
    links_frame,
    members_frame,
    name_all,
    products_frame,
    rings_frame,
)
from graphml.tables.synthetic.labels import verdicts
from graphml.tables.synthetic.links import link
from graphml.tables.synthetic.occasions import meet
from graphml.tables.synthetic.people import make_world
from graphml.tables.synthetic.places import live_together
from graphml.tables.synthetic.rings import plan_rings
from graphml.tables.synthetic.sharing import Company
from graphml.tables.synthetic.visits import everyday

logger = logging.getLogger("graphml.simulate")

EVENTS_A_MEMBER = 30
_EVENTS_A_VISIT = 4.5


@dataclass(frozen=True, kw_only=True)
class Marketplace:
    """Tables of a marketplace, and the truth about it, which is no table of it.

    Attributes:
        tables: What a shop would export.
        truth_rings: ring_id, member_id, kind, role, first_event: the member's first act in the
            ring, or the signup of an account made for it.
        truth_groups: group_id, member_id, kind: who shares harmlessly.
        truth_fraud: order_id, member_id, ring_id: every order a ring placed.
    """

    tables: Tables
    truth_rings: pl.DataFrame
    truth_groups: pl.DataFrame
    truth_fraud: pl.DataFrame

    def write(self, folder: Path) -> None:
        """Write the tables as Parquet into ``folder`` and the truth into ``folder``.truth.

        Raises:
            OSError: A folder cannot be made or written.
        """
        truth = folder.with_name(folder.name + ".truth")
        frames = {folder / f"{name}.parquet": getattr(self.tables, name) for name in TABLES}
        frames[truth / "rings.parquet"] = self.truth_rings
        frames[truth / "groups.parquet"] = self.truth_groups
        frames[truth / "fraud.parquet"] = self.truth_fraud
        for path, frame in frames.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Under another name until it is whole, so that nobody reads half a table.
            part = path.with_suffix(".part")
            frame.write_parquet(part, compression="zstd", compression_level=1)
            part.replace(path)


def make_marketplace(config: SimulateConfig) -> Marketplace:
    """Return the marketplace of ``config``; the same settings give the same bytes.

    It has exactly ``config.members`` members and roughly ``config.events`` events.
    """
    rng = np.random.default_rng(config.seed)
    wanted = config.events or EVENTS_A_MEMBER * config.members
    world = make_world(rng, config.members)
    rings = plan_rings(world, rng, config.difficulty)
    logger.info("planned %d members and %d rings", world.members, len(rings))
    own = everyday(world, rng, max(wanted / world.members - 1, 1) / _EVENTS_A_VISIT)
    company = Company(world, rng, config.difficulty)
    live_together(company, own)
    visits = np.concatenate((own, meet(company), act(world, rng, rings)))
    logger.info("made %d visits", len(visits))
    events, ring_of_order = tell(world, rng, visits)
    logger.info("told %d events", len(events))
    names = name_all(world, rng, len(events), rings, ring_of_order)
    tables = Tables(
        events=events_frame(events, names),
        members=members_frame(world, rng, names),
        products=products_frame(world, names),
        labels=labels_frame(verdicts(world, rng, rings), names),
        links=links_frame(link(world, rng, rings), names),
    )
    return Marketplace(
        tables=tables,
        truth_rings=rings_frame(world, rings, visits, names),
        truth_groups=groups_frame(world, names),
        truth_fraud=fraud_frame(events, ring_of_order, names),
    )
