"""A real Neo4j for tests, benchmarks and trying things out: Community, from Maven Central.

``python -m tests.neo4j_server`` runs one in the foreground until Ctrl-C, 5.26 unless ``--version``
names another generation; with ``--prepare`` it only fetches the jars of all of them. Data lives in
a temporary folder and goes when the server stops.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from neo4j import Driver, GraphDatabase

from tests.neo4j_jars import FIRST, GENERATIONS, ServerMissing, generation, needed

PASSWORD = secrets.token_urlsafe(24)
"""One for all servers of this process: two may be in use at once."""


@dataclass(frozen=True)
class Server:
    """Where a Neo4j answers, and to whom."""

    url: str
    username: str
    password: str


class Machine:
    """A server that can be killed and started again on its data, at the same port.

    Attributes:
        settings: Those of Neo4j, by their names in neo4j.conf; its next start reads them. A
            database that may not be written must have been started before.

    Args:
        folder: For its data and its log.
        heap, page_cache: As Java and Neo4j write sizes.
        options: Further ones for Java.
        settings: Further ones of Neo4j.
        version: Which generation.

    Raises:
        ServerMissing: It cannot be started on this machine.
    """

    def __init__(
        self,
        folder: Path,
        *,
        heap: str = "1g",
        page_cache: str = "512m",
        options: tuple[str, ...] = (),
        settings: Mapping[str, str] | None = None,
        version: str = FIRST,
    ) -> None:
        chosen = generation(version)
        chosen.prepare()
        self._folder = folder
        self._java = (
            *(chosen.find_java(), *chosen.options, f"-Xms{heap}", f"-Xmx{heap}", *options),
            *("-cp", chosen.classpath, "Neo4jServer"),
        )
        self.settings = {
            "server.bolt.enabled": "true",
            "server.bolt.listen_address": "127.0.0.1:0",
            "server.memory.pagecache.size": page_cache,
            "dbms.security.auth_enabled": "true",
            "dbms.security.procedures.unrestricted": "hostile.*",
            **(settings or {}),
        }
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Server:
        """Start it and wait until it answers; its first start sets the password.

        Raises:
            ServerMissing: It does not start.
        """
        first = self._process is None
        environment = {k: v for k, v in os.environ.items() if k != "NEO4J_PASSWORD"}
        configured = self._folder / "neo4j.conf"
        configured.write_text("".join(f"{name}={v}\n" for name, v in self.settings.items()))
        log = self._folder / "server.log"
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                [*self._java, str(self._folder / "neo4j"), str(configured)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment | ({"NEO4J_PASSWORD": PASSWORD} if first else {}),
            )
        url = _address(self._process, log)
        # Started again, it is at the same port.
        self.settings["server.bolt.listen_address"] = url.removeprefix("bolt://")
        return Server(url, "neo4j", PASSWORD)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def stop(self) -> None:
        """End it tidily."""
        if self._process is not None:
            self._process.communicate()


@contextmanager
def serve(
    *,
    heap: str = "1g",
    page_cache: str = "512m",
    options: tuple[str, ...] = (),
    settings: Mapping[str, str] | None = None,
    version: str = FIRST,
) -> Iterator[Server]:
    """Start a server on a free port, with authentication; it stops when the block ends.

    ``options`` are further ones for Java, ``settings`` of Neo4j by their names in neo4j.conf.

    Raises:
        ServerMissing: It cannot be started on this machine.
    """
    with tempfile.TemporaryDirectory(prefix="graphml-neo4j-") as data:
        machine = Machine(
            Path(data),
            heap=heap,
            page_cache=page_cache,
            options=options,
            settings=settings,
            version=version,
        )
        try:
            yield machine.start()
        finally:
            # Its data goes too: nothing is worth a tidy end. Left behind, it stops by itself when
            # its input ends.
            machine.kill()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return line.split()[1]
    raise ServerMissing(f"Neo4j did not start: {log.read_text()[-500:]}")


def empty(driver: Driver) -> None:
    """Delete every node and relationship but the mark of a test database."""
    with driver.session() as session:
        # Implicit transactions only: the server cuts the work into pieces itself.
        session.run(
            "MATCH (n) WHERE NOT n:GraphmlTestDatabase "
            "CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS"
        ).consume()


def wiped(server: Server) -> str:
    """Return the URL of a server after its database was emptied."""
    with GraphDatabase.driver(server.url, auth=(server.username, server.password)) as driver:
        empty(driver)
    return server.url


def main() -> int:
    """Run a server in the foreground, or only fetch its jars."""
    parser = argparse.ArgumentParser(prog="python -m tests.neo4j_server", description=__doc__)
    parser.add_argument("--prepare", action="store_true", help="only fetch what it needs")
    versions = [one.version for one in GENERATIONS.values()]
    parser.add_argument("--version", default=FIRST, help=f"one of {', '.join(versions)}")
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--page-cache", default="512m")
    options = parser.parse_args()
    if options.prepare:
        return _prepared()
    try:
        with serve(
            heap=options.heap, page_cache=options.page_cache, version=options.version
        ) as server:
            print(f"export NEO4J_USERNAME={server.username} NEO4J_PASSWORD={server.password}")
            print(f"export GRAPHML_STORE={server.url}", flush=True)
            sys.stdin.read()
    except ServerMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _prepared() -> int:
    """Fetch what tests need; say what will not run for want of it."""
    failed = 0
    for name, one in {} if "NEO4J_URI" in os.environ else GENERATIONS.items():
        try:
            one.prepare()
        except ServerMissing as missing:
            print(f"tests on Neo4j {name} will not run: {missing}", file=sys.stderr)
            failed |= needed(missing, name)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
