"""A Ray cluster joined or started for a while: its errors in one line, its workers' words passed on."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphml.errors import GraphmlError, UsageError, one_line

logger = logging.getLogger("graphml.training")

_TALKATIVE = ("ray", "ray.data", "ray.train", "ray.tune")
_KNOCK = 5.0
_HINT = "what the workers said is in Ray's logs, /tmp/ray/session_latest/logs on each machine"


@contextmanager
def connected(address: str | None, *, workers: int, cpus: int, gpu: bool) -> Iterator[Any]:
    """Join the cluster at ``address``, or start one on this machine; leave or end it afterwards.

    Yields the module ``ray``. Where the caller has joined one, that is used and left as it is. Ray's
    errors become graphml's.

    Raises:
        UsageError: Ray is not installed, or this machine has not the GPUs.
        GraphmlError: The cluster cannot be reached; or what went wrong inside.
    """
    ray = _loaded()
    with _undisturbed():
        ours = not ray.is_initialized()
        try:
            if ours:
                _start(ray, address, workers * cpus, gpu=gpu)
            _compare(ray, workers * cpus, workers if gpu else 0, ours=ours and address is None)
            yield ray
        except (ray.exceptions.RayError, ray.train.TrainingFailedError) as error:
            raise _plain(error) from error
        finally:
            if ours:
                ray.shutdown()


def _loaded() -> Any:
    # Whoever wants Ray's statistics of use to be sent sets this to 1.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray says at every start that it will some day not hide GPUs; ``environment`` hides them.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray's modules and defaults warn of themselves
            import ray
            import ray.data
            import ray.train
            import ray.train.torch

            ray.data.DataContext.get_current()
    except ImportError as error:
        raise UsageError(
            f"training on a cluster needs Ray: {one_line(error)}",
            hint="pip install 'graphml-engine[ray]'",
        ) from error
    return ray


def _start(ray: Any, address: str | None, cpus: int, *, gpu: bool) -> None:
    # Each worker sees its own GPU alone: threads of a process all begin with the first they see.
    apart = {"env_vars": {"TRAIN_ENABLE_SHARE_CUDA_VISIBLE_DEVICES": "0"}} if gpu else None
    here = {"num_cpus": cpus, "include_dashboard": False} if address is None else {}
    try:
        if address is not None:
            _knock(address)
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=apart,
            **here,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise GraphmlError(
            f"no Ray cluster at {address or 'this machine'}: {one_line(error)}",
            hint="ray start --head on the first machine, its address here",
        ) from error


def _knock(address: str) -> None:
    """Return if somebody listens at ``address``; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise UsageError(f"{address!r} is no address", hint="host:port, as 10.0.0.1:6379")
    socket.create_connection((host, int(port)), timeout=_KNOCK).close()


def _compare(ray: Any, cpus: int, gpus: int, *, ours: bool) -> None:
    """Say what a cluster lacks: it may grow; this machine cannot.

    Raises:
        UsageError: This machine has fewer GPUs.
    """
    there = ray.cluster_resources()
    for name, wanted in (("CPU", cpus), ("GPU", gpus)):
        if (found := int(there.get(name, 0))) < wanted:
            lack = f"{wanted} {name}s wanted, the cluster has {found}"
            if ours:
                raise UsageError(lack, hint="fewer workers, or the address of a larger cluster")
            logger.warning("%s: waiting for more", lack)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep Ray from talking on this process's stderr, and give back the signals that it takes."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [one.level for one in loggers]
    main = threading.current_thread() is threading.main_thread()
    taken = (signal.SIGINT, signal.SIGTERM) if main else ()
    handlers = [signal.getsignal(number) for number in taken]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for number, handler in zip(taken, handlers, strict=True):
            signal.signal(number, handler)
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def _plain(error: BaseException) -> GraphmlError:
    """Return graphml's error inside Ray's, or Ray's in one line."""
    found = list(_inside(error))
    if ours := [one for one in found if isinstance(one, GraphmlError)]:
        return ours[-1]  # Ray's own around it may be of the same class, traceback in its message
    lines = str(found[-1]).strip().splitlines() or [""]
    return GraphmlError(
        f"the cluster gave up: {type(found[-1]).__name__}: {one_line(lines[0])}", hint=_HINT
    )


def _inside(error: BaseException) -> Iterator[BaseException]:
    yield error
    held = (
        error.__cause__,
        getattr(error, "cause", None),
        getattr(error, "controller_failure", None),
        *getattr(error, "worker_failures", {}).values(),
    )
    for one in held:
        if isinstance(one, BaseException):
            yield from _inside(one)


def environment(*, cpus: int, gpu: bool) -> dict[str, dict[str, str]]:
    """Return how workers are started: with a thread for each CPU, and without the GPUs of others."""
    hidden = {} if gpu else {"CUDA_VISIBLE_DEVICES": ""}
    return {"env_vars": {"OMP_NUM_THREADS": str(cpus), **hidden}}


def stopping(told: Any) -> Any:
    """Return what ends a training at an error of graphml's own: to try again would not help."""
    from ray.train import UserCallback

    class Stop(UserCallback):
        """Called where Ray watches the workers, with their errors by rank."""

        def after_exception(
            self, run_context: Any, worker_exceptions: dict[int, Exception]
        ) -> None:
            for error in worker_exceptions.values():
                if isinstance(error, GraphmlError):
                    raise error
            kinds = (f"{rank} {type(e).__name__}" for rank, e in sorted(worker_exceptions.items()))
            _tell(told, logging.WARNING, f"workers failed: {', '.join(kinds)}")

    return Stop()


@contextmanager
def telling() -> Iterator[Any]:
    """Log here whatever is told to the queue that this yields."""
    import ray
    from ray.util.queue import Queue

    told: Any = Queue(actor_options={"num_cpus": 0})

    def pass_on() -> None:
        try:
            while (said := told.get()) is not None:
                logger.log(said[0], "%s", said[1])
        except ray.exceptions.RayError:
            return  # the queue is gone, and with it whatever would be said

    thread = threading.Thread(target=pass_on, name="graphml-telling", daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.actor.put.remote(None)
        thread.join()
        told.shutdown()


def tell_to(told: Any) -> None:
    """Tell the queue ``told`` what this process logs of its training."""
    logger.setLevel(logging.INFO)
    logger.addHandler(_Teller(told))


class _Teller(logging.Handler):
    def __init__(self, told: Any) -> None:
        super().__init__()
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        _tell(self._told, record.levelno, record.getMessage())


def _tell(told: Any, level: int, text: str) -> None:
    told.actor.put.remote((level, text))  # nobody waits: a queue that is gone stops no training
