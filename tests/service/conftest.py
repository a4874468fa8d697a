"""A small marketplace with rings in view and a fraud detector; services over copies of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from starlette.testclient import TestClient

from graphml.config import (  # fmt: skip
    FraudConfig,
    RecommendConfig,
    RingConfig,
    ServiceConfig,
    Settings,
    SimulateConfig,
    TrainConfig,
)
from graphml.fraud.detector import FraudDetector
from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds
from graphml.pipeline.detection import detect
from graphml.pipeline.fraud import train_detector
from graphml.pipeline.recommending import train_recommender
from graphml.service.app import create_app
from graphml.service.keys import KeyRing, now
from graphml.service.who import Door
from graphml.service.world import World
from graphml.store.connect import connect, state_folder
from graphml.tables.synthetic import make_marketplace
from graphml.tabular.aggregates import AsOf
from graphml.tabular.trees import TreeConfig, fit_trees

SETTINGS = Settings(service=ServiceConfig(look_s=0.1, rate_per_s=100_000, burst=100_000))


MARKET = make_marketplace(SimulateConfig(members=1_500, seed=5))
LAST = MARKET.tables.events["time"].max()


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Path:
    """The folder of a store with published rings, a detector and a recommender; to be copied."""
    folder = tmp_path_factory.mktemp("shop") / "store"
    with connect(f"embedded://{folder}") as store:
        store.write_tables(MARKET.tables)
        detect(store, RingConfig(), as_of=LAST, write=True)
        made = train_detector(
            store, FraudConfig(network=False, unaccused=300), TrainConfig(), as_of=LAST,
            folder=folder / "models" / "fraud",
        )  # fmt: skip
        blended(made.detector).save(folder / "models" / "fraud")
        train_recommender(
            store, RecommendConfig(moments=2, asked=300), as_of=LAST,
            folder=folder / "models" / "recommend",
        )  # fmt: skip
    return folder


def blended(detector: FraudDetector) -> FraudDetector:
    """Return a detector with trees beside the structure: so small a shop has too few labels for them."""
    graph = build_graph(MARKET.tables)
    count = len(graph.nodes["member"])
    features = AsOf(graph).members(np.arange(count), np.full(count, microseconds(LAST)))
    guilty = set(MARKET.truth_rings.filter(pl.col("role") != "victim")["member_id"])
    y = np.array([key in guilty for key in graph.nodes["member"].keys], dtype=np.int64)
    trees = fit_trees(
        features.values[::2], y[::2], features.values[1::2], y[1::2], names=features.names,
        config=TreeConfig(rounds=40),
    )  # fmt: skip
    return replace(detector, trees=trees, weights={"structure": 1.0, "trees": 0.5})


class Service:
    """A service over a store of its own, with keys of each role."""

    def __init__(self, folder: Path, settings: Settings, *, no_auth: bool) -> None:
        self.folder, self.url = folder, f"embedded://{folder}"
        self.world = World(connect(self.url), settings, state_folder(self.url) / "models")
        keys = KeyRing(folder)
        self.keys = {}
        people = {"vera": "viewer", "ana": "analyst", "ben": "analyst", "root": "admin"}
        for name, role in {} if no_auth else people.items():
            self.keys[name] = keys.make(name, role, now=now())[1]
        door = Door(None, None, local="me") if no_auth else Door(keys, None, local="")
        self.app = create_app(self.world, door)
        self.http = TestClient(self.app, base_url="http://localhost", raise_server_exceptions=False)

    def as_(self, name: str | None) -> dict[str, str]:
        return {} if name is None else {"Authorization": f"Bearer {self.keys[name]}"}

    def get(self, path, who="root", **more):
        headers = {**self.as_(who if self.keys else None), **more.pop("headers", {})}
        return self.http.get(path, headers=headers, **more)

    def post(self, path, body, who="root"):
        return self.http.post(path, json=body, headers=self.as_(who if self.keys else None))

    def wait(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "it did not come to be"
            time.sleep(0.02)


@pytest.fixture
def serving(shop, tmp_path) -> Iterator[Callable[..., Service]]:
    """Start a service over a copy of the shop; it is ready when this returns."""
    with ExitStack() as stack:

        def start(*, settings=SETTINGS, no_auth=False, models=True, ready=True) -> Service:
            folder = tmp_path / "store"
            if not folder.exists():
                shutil.copytree(shop, folder)
                if not models:
                    shutil.rmtree(folder / "models")
            service = Service(folder, settings, no_auth=no_auth)
            stack.enter_context(service.http)
            if ready:
                service.wait(lambda: service.world.ready)
            return service

        yield start


@pytest.fixture(scope="module")
def shared(shop, tmp_path_factory) -> Iterator[Service]:
    """A service for tests that change nothing."""
    folder = tmp_path_factory.mktemp("shared") / "store"
    shutil.copytree(shop, folder)
    service = Service(folder, SETTINGS, no_auth=False)
    with service.http:
        service.wait(lambda: service.world.ready)
        yield service


def later(days: float = 1) -> str:
    """Return a time after the shop's last event."""
    return (LAST + timedelta(days=days)).isoformat()
