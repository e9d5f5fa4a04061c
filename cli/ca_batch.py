"""`jitsuin ca issue-batch`: certificates in bulk from a file of orders, to be continued after a crash."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ca.orders import Order, ServiceOrder

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
AtOption = Annotated[str | None, typer.Option("--at", metavar="TIME", help="As of then (RFC 3339); else now.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]

app = typer.Typer(no_args_is_help=True)


@app.command("issue-batch")
def issue_batch(
    folder: Folder,
    orders: Annotated[Path, typer.Argument(metavar="ORDERS", help="One order a line (docs/formats/orders.md).")],
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="One outcome a line is appended, as JSON.")],
    group: Annotated[int, typer.Option("--group", min=1, max=1000, help="Orders that share a commit.")] = 250,
    processes: Annotated[int, typer.Option("--processes", min=1, max=64, help="Processes that work at it.")] = 1,
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue for every order of a file. Cut short, run it again: what is in RESULTS is left out, what was issued but
    not written is found by its idempotency key. Exit status 1 when any order was refused."""
    from cli.batch_worker import issuing
    from cli.clock import moment

    when = moment(at)
    total, wanted = _orders(orders, _finished(results))
    counted = {"issued": 0, "refused": 0, "before": total - len(wanted)}
    groups = [wanted[start : start + group] for start in range(0, len(wanted), group)]
    with (
        results.open("a", encoding="utf-8") as out,
        issuing(folder, groups, when, min(processes, max(1, len(groups)))) as issued_groups,
        _progress(len(wanted), quiet=as_json) as advance,  # has a thread: after the processes
    ):
        for outcomes in issued_groups:
            out.writelines(line + "\n" for _, line in outcomes)
            out.flush()
            issued = sum(good for good, _ in outcomes)
            counted["issued"] += issued
            counted["refused"] += len(outcomes) - issued
            advance(len(outcomes))
    if as_json:
        typer.echo(json.dumps(counted))
    else:
        typer.echo(f"issued {counted['issued']}, refused {counted['refused']}, done before {counted['before']}")
    if counted["refused"]:
        raise typer.Exit(1)


def _finished(results: Path) -> set[str]:
    """Idempotency keys of the outcomes that are there. A line cut short by a crash is cut off, its order done again."""
    if not results.exists():
        return set()
    content = results.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with results.open("r+b") as file:
            file.truncate(whole)
    return {json.loads(line)["idempotency_key"] for line in content[:whole].splitlines()}


def _orders(file: Path, done: set[str]) -> "tuple[int, list[Order | ServiceOrder]]":
    """How many orders the file has, and those that are not done. Every line is read before anything is issued.
    Errors: InvalidValue naming the first wrong one."""
    from ca.batch import parse_order
    from pki.errors import InvalidValue

    total = 0
    wanted: list[Order | ServiceOrder] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            total += 1
            try:
                order = parse_order(line)
            except InvalidValue as error:
                raise InvalidValue(f"line {number}: {error.what}") from error
            if order.idempotency_key not in done:
                wanted.append(order)
    return total, wanted


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Any]:
    if quiet:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("issuing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("issuing", total=total)
        yield lambda number: bar.advance(task, number)
