"""A real Neo4j for tests, benchmarks and trying things out: Community 5.26, from Maven Central.

``python -m tests.neo4j_server`` runs one in the foreground until Ctrl-C; with ``--prepare`` it
only fetches the jars. Data lives in a temporary folder and goes when the server stops.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from neo4j import Driver, GraphDatabase

_FOLDER = Path(__file__).resolve().parent / "neo4j"
_TARGET = _FOLDER / "target"
_JARS = _TARGET / "lib"
_HINT = (
    "install Java 17 or 21 and Maven (Debian: apt-get install openjdk-17-jdk-headless maven), "
    "or set NEO4J_URI, NEO4J_USERNAME and NEO4J_PASSWORD to an empty Neo4j 5 of your own"
)


class ServerMissing(Exception):  # noqa: N818 - a state of this machine, told to its user
    """No Neo4j can be started here; the message says what is missing and how to get it."""


@dataclass(frozen=True)
class Server:
    """Where a Neo4j answers, and to whom."""

    url: str
    username: str
    password: str


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise ServerMissing(f"no java found; {_HINT}")
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    major = re.search(r'version "(\d+)', version)
    if major is None or int(major[1]) < 17:
        raise ServerMissing(f"{java} is older than Java 17; {_HINT}")
    return java


def prepare() -> None:
    """Fetch the server's jars (116 MB) into ``tests/neo4j/target``, once per ``pom.xml``.

    Raises:
        ServerMissing: Java or Maven is not here, or Maven could not fetch.
    """
    _java()
    digest = hashlib.sha256((_FOLDER / "pom.xml").read_bytes()).hexdigest()
    stamp = _TARGET / "pom.sha256"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerMissing(f"no mvn found; {_HINT}")
    shutil.rmtree(_JARS, ignore_errors=True)
    command = [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={_JARS}"]
    done = subprocess.run(command, cwd=_FOLDER, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerMissing(f"Maven could not fetch Neo4j: {done.stdout[-500:]}; {_HINT}")
    stamp.write_text(digest)


class Machine:
    """A server that can be killed and started again on its data, at the same port.

    Args:
        folder: For its data and its log.
        heap, page_cache: As Java and Neo4j write sizes.
        options: Further ones for Java.
    """

    def __init__(
        self,
        folder: Path,
        *,
        heap: str = "1g",
        page_cache: str = "512m",
        options: tuple[str, ...] = (),
    ) -> None:
        self._folder = folder
        self._java = (_java(), f"-Xms{heap}", f"-Xmx{heap}", *options, "-cp", f"{_JARS}/*")
        self._page_cache = page_cache
        self._password = secrets.token_urlsafe(24)
        self._url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Server:
        """Start it and wait until it answers; its first start sets the password.

        Raises:
            ServerMissing: It does not start.
        """
        first = not self._url
        environment = {k: v for k, v in os.environ.items() if k != "NEO4J_PASSWORD"}
        log = self._folder / "server.log"
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                [
                    *(*self._java, str(_FOLDER / "Neo4jServer.java")),
                    *(
                        f"{self._folder}/neo4j",
                        self._page_cache,
                        self._url.rpartition(":")[2] or "0",
                    ),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment | ({"NEO4J_PASSWORD": self._password} if first else {}),
            )
        self._url = _address(self._process, log)
        return Server(self._url, "neo4j", self._password)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def serve(
    *, heap: str = "1g", page_cache: str = "512m", options: tuple[str, ...] = ()
) -> Iterator[Server]:
    """Start a server on a free port, with authentication; it stops when the block ends.

    ``options`` are further ones for Java.

    Raises:
        ServerMissing: It cannot be started on this machine.
    """
    prepare()
    with tempfile.TemporaryDirectory(prefix="graphml-neo4j-") as data:
        machine = Machine(Path(data), heap=heap, page_cache=page_cache, options=options)
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


@pytest.fixture(scope="session")
def neo4j_server() -> Iterator[Server]:
    """A server for this session, and its credentials in the environment: NEO4J_URI's, else ours."""
    if "NEO4J_URI" in os.environ:
        yield _own_server()
        return
    try:
        # Short work: the second compiler would only be in the way.
        with (
            serve(options=("-XX:TieredStopAtLevel=1",)) as server,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("NEO4J_USERNAME", server.username)
            patch.setenv("NEO4J_PASSWORD", server.password)
            yield server
    except ServerMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


def _own_server() -> Server:
    server = Server(
        os.environ["NEO4J_URI"],
        os.environ.get("NEO4J_USERNAME", "neo4j"),
        os.environ.get("NEO4J_PASSWORD", ""),
    )
    with GraphDatabase.driver(server.url, auth=(server.username, server.password)) as driver:
        # Tests empty the database: never one that holds anything they did not write.
        ours, all_nodes = driver.execute_query(
            "RETURN COUNT { (:GraphmlTestDatabase) } AS ours, COUNT { () } AS all"
        ).records[0]
        if all_nodes and not ours:
            pytest.fail(f"NEO4J_URI holds {all_nodes} nodes; tests need an empty one", False)
        driver.execute_query("MERGE (:GraphmlTestDatabase)")
    return server


def empty(driver: Driver) -> None:
    """Delete every node and relationship but the mark of a test database."""
    with driver.session() as session:
        # Implicit transactions only: the server cuts the work into pieces itself.
        session.run(
            "MATCH (n) WHERE NOT n:GraphmlTestDatabase "
            "CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS"
        ).consume()


@pytest.fixture
def neo4j_url(neo4j_server: Server) -> str:
    """The URL of a Neo4j whose database has just been emptied."""
    return wiped(neo4j_server)


def wiped(server: Server) -> str:
    """Return the URL of a server after its database was emptied."""
    with GraphDatabase.driver(server.url, auth=(server.username, server.password)) as driver:
        empty(driver)
    return server.url


def main() -> int:
    """Run a server in the foreground, or only fetch its jars."""
    parser = argparse.ArgumentParser(prog="python -m tests.neo4j_server", description=__doc__)
    parser.add_argument("--prepare", action="store_true", help="only fetch what it needs")
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--page-cache", default="512m")
    options = parser.parse_args()
    try:
        if options.prepare:
            if "NEO4J_URI" not in os.environ:
                prepare()
            return 0
        with serve(heap=options.heap, page_cache=options.page_cache) as server:
            print(f"export NEO4J_USERNAME={server.username} NEO4J_PASSWORD={server.password}")
            print(f"export GRAPHML_STORE={server.url}", flush=True)
            sys.stdin.read()
    except ServerMissing as missing:
        print(f"Neo4j tests will not run: {missing}", file=sys.stderr)
        return int(not options.prepare or os.environ.get("CI") == "true")
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
