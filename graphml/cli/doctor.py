"""``doctor``: what is installed, reachable and missing."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import typer

from graphml.cli import options
from graphml.cli.output import chosen_format, emit
from graphml.errors import GraphmlError

if TYPE_CHECKING:
    from graphml.store.neo4j_about import About

_PACKAGES = (
    "polars",
    "numba",
    "graspologic-native",
    "ladybug",
    "neo4j",
    "torch",
    "torch-geometric",
)
_PROGRAMS = {
    "java": "Neo4j tests: apt-get install openjdk-17-jre-headless",
    "mvn": "Neo4j tests: apt-get install maven",
}
_STATES = {1: "unusable", 2: "wrong", 4: "unreachable"}
"""Of a store, by the exit code of the error that it ended in."""


def doctor(
    store: options.StoreOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    debug: options.DebugOption = False,
) -> None:
    """Say what is installed, reachable and missing."""
    chosen = chosen_format(format_, out)
    held, code = _store_rows(options.store_url(store))
    rows = [
        _row("python", "ok", platform.python_version()),
        *(_package(name) for name in _PACKAGES),
        *(_program(name, hint) for name, hint in _PROGRAMS.items()),
        _accelerator(),
        *held,
    ]
    columns = {name: (lambda row, name=name: row[name]) for name in ("what", "state", "detail")}
    emit(rows, columns=columns, format_=chosen, out=out)
    if code:
        raise typer.Exit(code)


def _row(what: str, state: str, detail: str) -> dict[str, Any]:
    return {"what": what, "state": state, "detail": detail}


def _package(name: str) -> dict[str, Any]:
    try:
        return _row(name, "ok", version(name))
    except PackageNotFoundError:
        return _row(name, "missing", f"pip install {name}")


def _program(name: str, hint: str) -> dict[str, Any]:
    path = shutil.which(name)
    return _row(name, "ok" if path else "missing", path or hint)


def _accelerator() -> dict[str, Any]:
    if importlib.util.find_spec("torch") is None:
        return _row("cuda", "missing", "torch is not installed")
    has_device = Path("/dev/nvidia0").exists()  # importing torch to ask takes seconds
    return _row(
        "cuda", "ok" if has_device else "absent", "" if has_device else "training runs on the CPU"
    )


def _store_rows(url: str) -> tuple[list[dict[str, Any]], int]:
    """Return what is said of the store, and the exit code that its state asks for."""
    from graphml.store.connect import connect

    about: list[dict[str, Any]] = []
    try:
        with connect(url, read_only=True) as source:
            if isinstance(source, _Server):
                about = _server_rows(source)
            held = source.summary()
    except GraphmlError as error:
        state = _STATES.get(error.exit_code, "failed")
        row = _row(f"store {url}", state, f"{error.message}; {error.hint}")
        return [*about, row], error.exit_code
    if held.last is None:
        return [*about, _row(f"store {url}", "empty", "graphml load SOURCE, or graphml demo")], 0
    detail = f"{held.events} events of {held.members} members, {held.first:%Y-%m-%d} to {held.last:%Y-%m-%d}"
    return [*about, _row(f"store {url}", "ok", detail)], 0


@runtime_checkable
class _Server(Protocol):
    def about(self) -> About: ...


def _server_rows(server: _Server) -> list[dict[str, Any]]:
    try:
        about = server.about()
    except GraphmlError as error:
        return [_row("neo4j server", "unknown", error.message)]
    tls = {"off": "not encrypted", "not verified": "encrypted, certificate not verified"}
    channel = tls.get(about.encryption, "encrypted")
    users = f"{about.reader or 'nobody'} reads, {about.writer or 'nobody'} writes"
    return [
        _row("neo4j server", "ok", f"{about.version} {about.edition}, {channel}"),
        _row("neo4j users", _users(about), users),
        _row(
            "neo4j writing",
            "ok" if about.writable else "refused",
            f"database {about.database} is {about.access}",
        ),
        _faster(),
    ]


def _users(about: About) -> str:
    if about.reader is None:
        return "open"
    return "shared" if about.reader == about.writer else "ok"


def _faster() -> dict[str, Any]:
    try:
        return _row("neo4j-rust-ext", "ok", version("neo4j-rust-ext"))
    except PackageNotFoundError:
        return _row(
            "neo4j-rust-ext", "absent", "optional, reads faster: pip install neo4j-rust-ext"
        )
