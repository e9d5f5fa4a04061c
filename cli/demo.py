"""`jitsuin demo`: one person's whole story through real parts, in a minute."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from cli.demo_record import Record, Step

app = typer.Typer()


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the deployment and the artifacts go.")],
    clock: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin at this time (RFC 3339) instead of now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json at the end, and nothing else.")] = False,
) -> None:
    """Enroll a person at a counter, file and verify, move from afar up to the cap, be seen again, lose the card.

    Everything is real but the people and the card: a private pcscd with a virtual reader, authorities, OCSP over
    HTTP, the ledger. Every process that is started is ended.
    """
    from cli.clock import SystemClock
    from cli.demo_record import Record
    from cli.demo_report import write
    from cli.demo_story import Story, founding
    from cli.demo_world import open_world
    from pki.instant import Instant

    signal.signal(signal.SIGTERM, _leave)
    ours = SystemClock() if clock is None else SystemClock.starting_at(Instant.parse(clock))
    out = out.absolute()
    with _Told(as_json) as told, open_world(out, ours, founding(ours.now())) as world:
        caps = world.settings.caps
        record = Record(caps.max_consecutive, caps.max_years)
        try:
            Story(world, record, told.step).tell()
        finally:
            record.write(out / "report.json")
            if record.steps:
                write(record, out / "report.html")
    if as_json:
        print((out / "report.json").read_text(encoding="utf-8"), end="")
    else:
        _print_table(record, out)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(143)


class _Told:
    """Progress on the terminal: a bar while it goes on, a line for every step."""

    def __init__(self, quiet: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        from cli.demo_record import STEP_NAMES

        self._quiet = quiet
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, disable=quiet or not sys.stdout.isatty(), transient=True)
        self._task = self._progress.add_task(_both("組み立て中", "setting up"), total=len(STEP_NAMES))

    def __enter__(self) -> "_Told":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, step: "Step") -> None:
        """One step is over."""
        from cli.demo_record import STEP_NAMES
        from cli.demo_report import TITLES

        if self._quiet:
            return
        ja, en = TITLES[step.name]
        number = STEP_NAMES.index(step.name) + 1
        line = f"[{number:2}/{len(STEP_NAMES)}] {'ok ' if step.ok else 'NOT'} {step.name}: {_both(ja, en)}"
        if self._progress.disable:
            print(line, flush=True)
        else:
            self._progress.console.print(line, markup=False, highlight=False)
            self._progress.update(self._task, completed=number, description=en)


def _both(ja: str, en: str) -> str:
    """Both languages, or English alone where the terminal has no letters for the other."""
    try:
        ja.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return en
    return f"{ja} / {en}"


def _print_table(record: "Record", out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=_both("実印 Jitsuin: 起きたこと", "Jitsuin: what happened"))
    for heading in ("", "step", "detail"):
        table.add_column(heading, overflow="fold")
    for step in record.steps:
        shown = {name: value for name, value in step.detail.items() if name != "checks"}
        table.add_row(
            "ok" if step.ok else "NOT", step.name, "; ".join(f"{name}: {value}" for name, value in shown.items())
        )
    Console(markup=False, highlight=False).print(table)
    print(f"\n{out}/report.html  {_both('物語を1ページで', 'the story on one page')}")
    print(f"{out}  {_both('証明書・OCSP・CRL・判定・APDU', 'certificates, OCSP, CRL, verdicts, APDUs')}")
