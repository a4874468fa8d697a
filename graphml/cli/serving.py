"""``serve`` and ``explore``: the service and its page; ``keys``: who may ask it."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from graphml.cli import options
from graphml.cli.output import chosen_format, emit
from graphml.cli.progress import say
from graphml.errors import UsageError
from graphml.results import time_text

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on.")]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65_535, help="Port to listen on; 0 takes a free one.")
]


def serve(
    store: options.StoreOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8765,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Ask nobody for a key; on the local host alone.")
    ] = False,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Serve rings, members, scores and cases as JSON, and the page that shows them."""
    _serve(store, host, port, no_auth=no_auth, browse=False, quiet=quiet)


def explore(
    store: options.StoreOption = None,
    port: PortOption = 8765,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Look at rings in a browser, on this machine: serve --no-auth, and the page opened."""
    _require_service()
    from graphml.service.page import page_folder

    if page_folder() is None:
        raise UsageError(
            "the page is not built", hint="make explorer (needs Node 20 or newer and npm)"
        )
    _serve(store, "127.0.0.1", port, no_auth=True, browse=browser, quiet=quiet)


def keys(
    action: Annotated[str, typer.Argument(metavar="add|list|revoke", help="What to do.")],
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Whose key.")] = "",
    role: Annotated[
        str,
        typer.Option(
            "--role", help="viewer (looks) | analyst (decides) | admin (sends events, too)."
        ),
    ] = "viewer",
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=3650, help="It opens nothing after so many days."),
    ] = None,
    store: options.StoreOption = None,
    format_: options.FormatOption = None,
    out: options.OutOption = None,
    quiet: options.QuietOption = False,
    debug: options.DebugOption = False,
) -> None:
    """Make, list and revoke the API keys of a store's service; a key is shown once, and kept as a hash."""
    from graphml.cases.book import CaseBook
    from graphml.service.keys import KeyRing
    from graphml.store.connect import state_folder

    url = options.store_url(store)
    ring, now = KeyRing(state_folder(url)), datetime.now(UTC)
    book = CaseBook(state_folder(url), store_url=url)
    if action == "list":
        rows = [
            {
                "name": key.name, "role": key.role, "id": key.id, "created": time_text(key.created),
                "expires": key.expires and time_text(key.expires),
                "revoked": key.revoked and time_text(key.revoked),
            }
            for key in ring.all()
        ]  # fmt: skip
        columns = {n: (lambda row, n=n: row[n]) for n in ("name", "role", "id", "created", "expires", "revoked")}  # fmt: skip
        emit(rows, columns=columns, format_=chosen_format(format_, out), out=out)
        return
    if action not in ("add", "revoke") or not name:
        raise UsageError(
            f"graphml keys {action} {name}".rstrip(),
            hint="graphml keys add NAME --role analyst, keys revoke NAME, or keys list",
        )
    if action == "add":
        expires = None if days is None else now + timedelta(days=days)
        key, token = ring.make(name, role, now=now, expires=expires)
        book.append_audit(
            _user(), "key_made", {"name": name, "role": role, "key": key.id}, time=now
        )
        typer.echo(token)
        say("this is shown once; send it as: Authorization: Bearer KEY", quiet=quiet)
        return
    gone = ring.revoke(name, now=now)
    if not gone:
        raise UsageError(f"{name} has no key", hint="graphml keys list")
    book.append_audit(_user(), "key_revoked", {"name": name}, time=now)
    say(f"revoked the key of {name}", quiet=quiet)


def _user() -> str:
    import getpass

    return getpass.getuser()


def _serve(
    store: str | None, host: str, port: int, *, no_auth: bool, browse: bool, quiet: bool
) -> None:
    _require_service()
    from graphml.service.server import Serving, serve

    serve(
        Serving(
            url=options.store_url(store), host=host, port=port, no_auth=no_auth, browse=browse,
            quiet=quiet,
        ),
        options.settings(),
    )  # fmt: skip


def _require_service() -> None:
    missing = [
        name
        for name in ("fastapi", "uvicorn", "jwt", "prometheus_client")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise UsageError(
            f"the service needs {', '.join(missing)}", hint="pip install 'graphml-engine[service]'"
        )
