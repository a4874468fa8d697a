"""Requests at a fixed rate over a few connections; latency counts from when each was due.

``python -m benchmarks.load_generator`` reads one JSON object from stdin: address, key, rate, seconds,
connections, and a list of bodies with their paths that are sent in turn; prints latencies in ms.
Who waits for an answer before sending the next request would not see a service that stops.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any


class Connection:
    """One keep-alive connection, one request at a time."""

    def __init__(self, host: str, port: int, key: str | None) -> None:
        self._host, self._port = host, port
        self._auth = f"Authorization: Bearer {key}\r\n" if key else ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> int:
        """Send a body, and return the status of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\n{self._auth}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        return int(answer.split(b" ", 2)[1])


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Send what is planned, and return latencies in ms and how many of each status came back."""
    bodies = [(path, json.dumps(body).encode()) for path, body in plan["bodies"]]
    total = int(plan["rate"] * plan["seconds"])
    latencies, statuses = [0.0] * total, Counter[str]()
    turns = iter(range(total))
    start = time.perf_counter() + 0.2

    async def work() -> None:
        connection = Connection(plan["host"], plan["port"], plan.get("key"))
        for turn in turns:
            due = start + turn / plan["rate"]
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            path, body = bodies[turn % len(bodies)]
            try:
                status = str(await asyncio.wait_for(connection.post(path, body), 30))
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                status = type(error).__name__
                connection = Connection(plan["host"], plan["port"], plan.get("key"))
            latencies[turn] = 1e3 * (time.perf_counter() - due)
            statuses[status] += 1

    await asyncio.gather(*(work() for _ in range(plan["connections"])))
    return {"latencies": latencies, "statuses": statuses, "wall_s": time.perf_counter() - start}


def main() -> None:
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    main()
