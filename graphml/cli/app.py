"""The command ``graphml``: its commands in the order of help, and how failures end."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import typer
from typer._click.exceptions import ClickException, UsageError

from graphml.cli import (
    audit,
    data,
    decisions,
    demo,
    doctor,
    evaluate,
    explain,
    models,
    recommend,
    rings,
    runs,
    serving,
    uninstall,
)
from graphml.errors import GraphmlError, one_line

_INTERRUPTED = 130


class App(typer.Typer):
    """A Typer that ends every failure in one line, one ``try:`` and the right exit code."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - Typer's own
        # LightGBM and torch let idle threads spin. Where something else needs the cores, training
        # took fourteen times as long with four commands at once, and with sleeping threads three.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        sys.exit(_guarded(list(args[0]) if args else sys.argv[1:]))


app = App(
    name="graphml",
    help="Fraud rings and recommendations from one temporal graph of a marketplace.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=(
        "Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 rings found (--fail-on); "
        "4 no connection or permission; 5 nothing to work on; 130 interrupted."
    ),
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    """Find fraud rings in one temporal graph of a marketplace."""


app.command("demo")(demo.demo)
app.command("simulate")(data.simulate)
app.command("load")(data.load)
app.command("detect-rings")(rings.detect_rings)
app.command("train")(models.train)
app.command("score")(models.score)
app.command("recommend")(recommend.recommend)
app.command("audit-leakage")(models.audit_leakage)
app.command("explain")(explain.explain)
app.command("label")(decisions.label)
app.command("evaluate")(evaluate.evaluate)
app.command("audit")(audit.audit)
app.command("runs")(runs.runs)
app.command("uninstall")(uninstall.uninstall)
app.command("explore")(serving.explore)
app.command("serve")(serving.serve)
app.command("keys")(serving.keys)
app.command("doctor")(doctor.doctor)


def _guarded(arguments: list[str]) -> int:
    # torch_geometric says so whenever it is imported, and nobody here can help it.
    warnings.filterwarnings("ignore", ".torch.jit.script. is deprecated", FutureWarning)
    debug = "--debug" in arguments or bool(os.environ.get("GRAPHML_DEBUG"))
    arguments = [argument for argument in arguments if argument != "--debug"]
    if "--version" in arguments[:1]:
        from graphml import __version__

        print(f"graphml {__version__}")
        return 0
    try:
        code = typer.main.get_command(app).main(
            args=arguments, prog_name="graphml", standalone_mode=False
        )
    except Exception as error:
        if debug:
            raise
        return _explain_failure(error)
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _explain_failure(error: Exception) -> int:
    if isinstance(error, BrokenPipeError):  # the reader of our output has gone: no failure of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, typer.Abort):
        return _INTERRUPTED
    if isinstance(error, GraphmlError):
        return _fail(error.message, error.hint or "graphml doctor", error.exit_code)
    if isinstance(error, ClickException):
        return _explain_usage(error)
    if isinstance(error, OSError):
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return _fail(what, "check the path, its permissions and the room left on it", _code(error))
    if isinstance(error, MemoryError):
        return _fail("out of memory", "a machine with more memory, or an earlier --as-of", 1)
    name = type(error).__name__
    return _fail(f"{name}: {error}", "the same command with --debug, and report it", 1)


def _code(error: OSError) -> int:
    return 4 if isinstance(error, PermissionError) else 1


def _explain_usage(error: ClickException) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    context = error.ctx if isinstance(error, UsageError) else None
    command = context.command_path if context else "graphml"
    return _fail(error.format_message(), f"{command} --help", error.exit_code)


def _fail(message: str, hint: str, code: int) -> int:
    sys.stderr.write(f"error: {one_line(message, 500)}\ntry: {one_line(hint, 300)}\n")
    return code
