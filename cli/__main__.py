"""The command `jitsuin`: the list of its commands, and how an error is told.

A command's module is imported when the command is called, not before: `jitsuin --help` stays quick, and a command whose
module is broken breaks no other.
"""

import errno
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli.errors import CommandBroken, DiskFull, FileUnusable
from pki.errors import Error


@dataclass(frozen=True, slots=True)
class _Announced:
    """One line of `jitsuin --help`, known without importing the command."""

    module: str
    panel: str
    summary: str


_START, _DAILY, _KEEP = "To begin", "Every day", "To keep it running"

COMMANDS = {
    "demo": _Announced("cli.demo", _START, "One person's whole story in a minute, through a real card stack."),
    "doctor": _Announced("cli.doctor", _START, "What is missing on this machine, and how to get it."),
    "init": _Announced("cli.init", _START, "Make a new deployment: settings, secrets, database, authorities."),
    "sample": _Announced("cli.sample", _START, "Enter a few synthetic people, with virtual cards, into a trial."),
    "seats": _Announced("cli.seats", _START, "Five seats for a trial: readers, cards and a reader agent each."),
    "serve": _Announced("cli.serve", _START, "Run a deployment's services, all of them or one."),
    "agent": _Announced("cli.agent", _DAILY, "Lend this PC's card readers to one service's pages; PINs stay here."),
    "home": _Announced("cli.home", _DAILY, "File with your own card: a move, a re-issue, a renewal, a statement."),
    "card": _Announced("cli.card", _DAILY, "Look at a card, change its PINs, lend a virtual one."),
    "enroll": _Announced("cli.enroll", _DAILY, "Persons, desks, operators, visits and procedures from a terminal."),
    "ledger": _Announced("cli.ledger", _DAILY, "One person's ledger: show it, explain what may be done, verify it."),
    "verify": _Announced("cli.verify", _DAILY, "Decide whether to believe a signature or a certificate."),
    "lint": _Announced("cli.lint", _DAILY, "Judge certificates, CRLs and OCSP answers of anybody, rule by rule."),
    "audit": _Announced("cli.audit", _DAILY, "Prove an access record; compare two checkpoints."),
    "witness": _Announced("cli.witness", _KEEP, "Cosign other people's logs; ask for cosignatures of ours."),
    "responder": _Announced("cli.responder", _KEEP, "Answer OCSP by several fast processes; sign answers ahead."),
    "replay": _Announced(
        "cli.replay", _DAILY, "Recompute every status from journal and published files; name what differs."
    ),
    "ca": _Announced("cli.ca", _KEEP, "Search, show, export, issue, revoke, hold and release; make CRLs; ask OCSP."),
    "keys": _Announced(
        "cli.key_store", _KEEP, "Who opens the authorities' keys: a file, one person, m of n custodians."
    ),
    "ceremony": _Announced("cli.ceremony", _KEEP, "Carry out a reviewed ceremony file."),
    "policy": _Announced("cli.policy", _KEEP, "Check, compare and simulate cap policies."),
    "snapshot": _Announced("cli.snapshot", _KEEP, "Signed, encrypted copies of a municipality: make, verify, restore."),
    "office": _Announced("cli.office", _KEEP, "The periodic work; questions and incidents; keys, channels, alarms."),
    "party": _Announced("cli.party", _KEEP, "Register relying parties and change their keys."),
    "database": _Announced("cli.database_roles", _KEEP, "PostgreSQL roles and row policies: who can see what."),
    "migrate": _Announced("cli.migrate", _KEEP, "Bring a deployment's database to this version."),
}
"""Every command, in the order of the help. One whose module this version does not have is not shown."""


class Commands(TyperGroup):
    """A group that shows what is announced and imports only what is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, announced in COMMANDS.items():
            if find_spec(announced.module) is not None:
                self.commands[name] = TyperCommand(
                    name, help=announced.summary, callback=lambda: None, rich_help_panel=announced.panel
                )

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The real command behind the announced one. Errors: CommandBroken."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            command = load_command(name)
        return name, command, rest


def load_command(name: str) -> Any:
    """Import the module of an announced command. Errors: CommandBroken, saying what could not be imported."""
    try:
        group: typer.Typer = import_module(COMMANDS[name].module).app
    except (ImportError, AttributeError, SyntaxError) as error:
        raise CommandBroken(name, str(error)) from error
    command = typer.main.get_command(group)
    command.name = name
    # Completion belongs to the whole command, not to each group of it.
    command.params = [one for one in command.params if one.name not in ("install_completion", "show_completion")]
    return command


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print variables, and a variable may hold a PIN
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An open public-key identity and trust-anchor service: authorities, cards, counters, verification.",
    epilog="Begin with `jitsuin demo --out DIR`. Every command takes --help; most take --json.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jitsuin {version('jitsuin')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    pass


def describe(error: Error) -> dict[str, object]:
    """An error as JSON gives it: code, why, todo, and its typed fields as text or number."""
    fields = {
        name: value if isinstance(value, bool | int | str | None) else str(value)
        for name, value in error.fields().items()
    }
    return {"error": {"code": error.code, "why": error.reason, "todo": error.remedy, "fields": fields}}


def named(error: OSError) -> Error:
    """An operating system's refusal about a file as one of our errors."""
    file = str(error.filename or "a file")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(file)
    return FileUnusable(file, os.strerror(error.errno) if error.errno else type(error).__name__)


def report(error: Error, *, as_json: bool) -> None:
    """Tell one error: a line on standard error, or with --json a document on standard output."""
    if as_json:
        print(json.dumps(describe(error), ensure_ascii=False))
        return
    remedy = f" {error.remedy}" if error.remedy else ""
    reason = error.reason.rstrip(".")
    stop = "" if reason.endswith("。") else "."
    print(f"jitsuin: {error.code}: {reason}{stop}{remedy}", file=sys.stderr)


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit status is 0 (done), 1 (a named error) or 2 (not understood)."""
    try:
        typer.main.get_command(app).main(args=list(arguments), prog_name="jitsuin")
    except Error as error:
        report(error, as_json="--json" in arguments)
        return 1
    except OSError as error:
        if error.errno is None:
            raise
        report(named(error), as_json="--json" in arguments)
        return 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return 0


def main() -> None:
    """The entry point of the command `jitsuin`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Japanese letters gets escapes, no traceback
            stream.reconfigure(errors="backslashreplace")
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output (`| head`) had enough: what is still buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
