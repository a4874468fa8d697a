"""The process that serves: one, with one event loop."""

from __future__ import annotations

import getpass
import logging
import socket
import sys
import threading
import time
import webbrowser
from dataclasses import dataclass

import uvicorn

from graphml.config import Settings
from graphml.errors import UsageError
from graphml.service.app import create_app
from graphml.service.gate import is_loopback
from graphml.service.keys import KeyRing
from graphml.service.oidc import Issuer
from graphml.service.who import Door
from graphml.service.world import World
from graphml.store.connect import connect, state_folder

_OPEN_FOR_S = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """Where and for whom a service runs.

    Attributes:
        no_auth: Ask nobody for a key; on the local host alone.
        browse: Open the page in a browser once it answers.
    """

    url: str
    host: str = "127.0.0.1"
    port: int = 8765
    no_auth: bool = False
    browse: bool = False
    quiet: bool = False


def serve(serving: Serving, settings: Settings) -> None:
    """Serve until interrupted.

    Raises:
        UsageError: It would be open to other machines without keys; nobody has a key; the port is
            taken.
        StoreError: The store cannot be opened.
    """
    door = _door(serving, settings)
    listening = _listen(serving.host, serving.port)
    store = connect(serving.url)
    world = World(store, settings, state_folder(serving.url) / "models")
    address = f"http://{_shown(serving.host)}:{listening.getsockname()[1]}/"
    _log(quiet=serving.quiet)
    if not serving.quiet:
        sys.stderr.write(f"graphml serves {serving.url} at {address} (Ctrl-C ends it)\n")
    if serving.browse:
        threading.Thread(target=_browse, args=(address, world), daemon=True).start()
    config = uvicorn.Config(
        create_app(world, door), log_config=None, access_log=False, lifespan="on",
        server_header=False, timeout_keep_alive=30, timeout_graceful_shutdown=10,
    )  # fmt: skip
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


def _door(serving: Serving, settings: Settings) -> Door:
    """Return who may ask.

    Raises:
        UsageError: Nobody could, or everybody from anywhere.
    """
    if serving.no_auth:
        if not is_loopback(serving.host):
            raise UsageError(
                f"--no-auth on {serving.host} would open everything to other machines",
                hint="--host 127.0.0.1, or keys: graphml keys add NAME",
            )
        return Door(None, None, local=getpass.getuser())
    keys = KeyRing(state_folder(serving.url))
    issuer = Issuer(settings.service) if settings.service.issuer else None
    if issuer is None and not keys.all():
        raise UsageError(
            "nobody has a key to this service",
            hint="graphml keys add NAME --role analyst, or --no-auth on this machine alone",
        )
    return Door(keys, issuer, local="")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error}", hint="another --port, or --port 0"
        ) from error
    return listening


def _log(*, quiet: bool) -> None:
    """Write one JSON line a request to stderr, and what else happens."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("graphml.service")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.INFO)


def _browse(address: str, world: World) -> None:
    """Open the page when there is something to look at."""
    until = time.monotonic() + _OPEN_FOR_S
    while world.snapshot is None and time.monotonic() < until:
        time.sleep(0.05)
    webbrowser.open(address)
