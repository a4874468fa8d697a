"""The Neo4j servers that tests may start: their generations, the Java each needs, their jars."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent / "neo4j"
_TARGET = _FOLDER / "target"
_SOURCE = _FOLDER / "Neo4jServer.java"
_JAVAS = ("/usr/lib/jvm/*/bin/java", "/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java")


class ServerMissing(Exception):  # noqa: N818 - a state of this machine, told to its user
    """No Neo4j can be started here; the message says what is missing and how to get it."""


class JavaMissing(ServerMissing):
    """The Java that a generation needs is not here."""


@dataclass(frozen=True)
class Generation:
    """One of the generations of Neo4j that graphml works with.

    Attributes:
        name: As people say it.
        version: As Maven Central does.
        java: The oldest Java that runs it.
        options: What that Java is told besides.
    """

    name: str
    version: str
    java: int
    options: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        """Say what to install."""
        return (
            f"install Java {self.java} or newer and Maven "
            f"(Debian: apt-get install openjdk-{self.java}-jdk-headless maven), "
            "or set NEO4J_URI, NEO4J_USERNAME and NEO4J_PASSWORD to an empty Neo4j of your own"
        )

    @property
    def classpath(self) -> str:
        """Where its classes are, once fetched by ``prepare``."""
        return f"{self._folder / 'classes'}:{self._folder / 'lib'}/*"

    @property
    def _folder(self) -> Path:
        return _TARGET / self.version

    def find_java(self) -> str:
        """Return a Java that runs it.

        Raises:
            JavaMissing: There is none.
        """
        for java in _javas():
            if _major(java) >= self.java:
                return java
        raise JavaMissing(f"no Java {self.java} found for Neo4j {self.version}; {self.hint}")

    def prepare(self) -> None:
        """Fetch its jars and compile the server, once per ``pom.xml`` and source.

        Raises:
            ServerMissing: Java or Maven is not here, or Maven could not fetch.
        """
        java = self.find_java()
        _once(self._folder / "lib", (_FOLDER / "pom.xml").read_bytes(), self._fetch)
        _once(self._folder / "classes", _SOURCE.read_bytes(), lambda to: self._compile(java, to))

    def _fetch(self, into: Path) -> None:
        maven = shutil.which("mvn")
        if maven is None:
            raise ServerMissing(f"no mvn found; {self.hint}")
        command = (
            maven,
            "-q",
            "-B",
            f"-Dneo4j.version={self.version}",
            f"-DoutputDirectory={into}",
        )
        self._run(*command, "dependency:copy-dependencies", fault="Maven could not fetch Neo4j")

    def _compile(self, java: str, into: Path) -> None:
        jars = os.pathsep.join(str(jar) for jar in sorted((self._folder / "lib").glob("*.jar")))
        javac = (java, "-m", "jdk.compiler/com.sun.tools.javac.Main", "-cp", jars, "-d", str(into))
        self._run(*javac, str(_SOURCE), fault=f"{java} could not compile {_SOURCE.name}")

    def _run(self, *command: str, fault: str) -> None:
        done = subprocess.run(command, cwd=_FOLDER, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerMissing(f"{fault}: {(done.stdout + done.stderr)[-500:]}; {self.hint}")


GENERATIONS = {
    "5.26": Generation("5.26", "5.26.0", 17),
    "2026.09": Generation(
        "2026.09",
        "2026.09.0",
        25,
        ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"),
    ),
}
FIRST = next(iter(GENERATIONS))
"""The one that stands for all; the others need not run everywhere."""


def generation(version: str) -> Generation:
    """Return a generation by its name or version.

    Raises:
        ServerMissing: There is none of that name.
    """
    for one in GENERATIONS.values():
        if version in (one.name, one.version):
            return one
    known = ", ".join(one.version for one in GENERATIONS.values())
    raise ServerMissing(f"no Neo4j {version} is known here; there are {known}")


def needed(missing: ServerMissing, version: str) -> bool:
    """Say whether a server must be here: in CI any, unless a later generation lacks its Java."""
    in_ci = os.environ.get("CI") == "true"
    return in_ci and (version == FIRST or not isinstance(missing, JavaMissing))


def _once(folder: Path, of: bytes, make: Callable[[Path], None]) -> None:
    """Make ``folder`` anew unless it was made of the same."""
    digest = hashlib.sha256(of).hexdigest()
    stamp = folder.parent / f"{folder.name}.sha256"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    stamp.write_text(digest)


def _javas() -> Iterator[str]:
    """Yield what may be a Java: the user's own first, then what is installed."""
    if own := shutil.which("java"):
        yield own
    homes = (Path(home) for name, home in os.environ.items() if re.match(r"JAVA\w*HOME", name))
    yield from (str(java) for home in homes if (java := home / "bin" / "java").is_file())
    for pattern in _JAVAS:
        yield from map(str, sorted(Path("/").glob(pattern.lstrip("/"))))


@cache
def _major(java: str) -> int:
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0
