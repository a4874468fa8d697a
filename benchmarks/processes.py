"""Work in a process of its own, so that its time and peak memory are its own."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A finished process: wall time, peak resident memory, and what it printed."""

    seconds: float
    peak_rss_mb: int
    stdout: str

    @property
    def result(self) -> Any:
        """Return the JSON on the last line of stdout."""
        return json.loads(self.stdout.strip().splitlines()[-1])


def measured(module: str, arguments: Sequence[str]) -> Measured:
    """Run ``python -m module arguments`` from the checkout; its stderr is shown.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        out.seek(0)
        text = out.read()
    return Measured(seconds=seconds, peak_rss_mb=_megabytes(usage.ru_maxrss), stdout=text)


def peak_rss_mb() -> int:
    """Return the highest resident memory of this process so far, in MB (10⁶ bytes).

    Where the system tells, without that of the process that began it, which ``getrusage`` counts.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        if found:
            return round(int(found[1]) * 1024 / 1e6)
    return _megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _megabytes(peak: int) -> int:
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)
