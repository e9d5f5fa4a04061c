"""`jitsuin home`: what a holder files with their card in this PC's reader: a move, a re-issue, a renewal, a statement.

The password goes from this keyboard to the card and nowhere else; commands for the card come from the service. What
is sent is kept in a file of its owner's until its certificate is on the card: after a crash, `home finish` goes on.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.card_entry import PinPadOption, ask, tracing

if TYPE_CHECKING:
    from cli.home_filing import Home, Prepared
    from pki.instant import Instant

app = typer.Typer(no_args_is_help=True, help="File with your own card: a move, a re-issue, a renewal, a statement.")

ServiceOption = Annotated[str, typer.Option("--service", metavar="URL", help="The service's address.")]
ReaderOption = Annotated[
    str | None, typer.Option("--reader", metavar="NAME", help="The reader's name or its beginning; else the only card.")
]
KeepOption = Annotated[
    Path | None,
    typer.Option("--keep", metavar="FILE", help="Where the filing is kept until it is done; else filing-ID.json here."),
]
TownOption = Annotated[str, typer.Option("--municipality", help="The five digits of the new municipality.")]
AddressOption = Annotated[str, typer.Option("--address", help="The whole address, as it will be registered.")]
PinStdinOption = Annotated[bool, typer.Option("--pin-stdin", help="Read the password or PIN from standard input.")]
ClockOption = Annotated[
    str | None, typer.Option("--clock", metavar="TIME", help="This time (RFC 3339) instead of now.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Append every APDU in hex; PINs and secrets masked.")
]


@app.command()
def move(
    service: ServiceOption,
    municipality: TownOption,
    address: AddressOption,
    moved_on: Annotated[
        str | None, typer.Option("--moved-on", metavar="DAY", help="2026-11-20 or an era's day (令和8年11月20日).")
    ] = None,
    reader: ReaderOption = None,
    keep: KeepOption = None,
    pin_stdin: PinStdinOption = False,
    pin_pad: PinPadOption = False,
    clock: ClockOption = None,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Tell a new address; the signature certificate is made anew on the same card."""
    from enrollment.wareki import parse_day
    from pki.purpose import Purpose

    at = _at(clock)
    day = parse_day(moved_on) if moved_on is not None else at.jst_date()
    with _home(service, reader, trace) as home:
        password = ask(home.card, Purpose.SIGNATURE, pin_stdin, pin_pad)
        _do(home, home.prepare_move(municipality, address, day, password, at), keep, as_json)


@app.command()
def reissue(
    service: ServiceOption,
    reader: ReaderOption = None,
    keep: KeepOption = None,
    pin_stdin: PinStdinOption = False,
    pin_pad: PinPadOption = False,
    clock: ClockOption = None,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """A new signature certificate on the same card, nothing else changed."""
    from pki.purpose import Purpose

    at = _at(clock)
    with _home(service, reader, trace) as home:
        password = ask(home.card, Purpose.SIGNATURE, pin_stdin, pin_pad)
        _do(home, home.prepare_reissue(password, at), keep, as_json)


@app.command()
def renew(
    service: ServiceOption,
    reader: ReaderOption = None,
    keep: KeepOption = None,
    pin_stdin: PinStdinOption = False,
    pin_pad: PinPadOption = False,
    clock: ClockOption = None,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Both certificates anew on the same card, within the last months of their life."""
    from pki.purpose import Purpose

    at = _at(clock)
    with _home(service, reader, trace) as home:
        password = ask(home.card, Purpose.SIGNATURE, pin_stdin, pin_pad)
        _do(home, home.prepare_renewal(password, at), keep, as_json)


@app.command()
def residence(
    service: ServiceOption,
    municipality: TownOption,
    address: AddressOption,
    reader: ReaderOption = None,
    pin_stdin: PinStdinOption = False,
    pin_pad: PinPadOption = False,
    clock: ClockOption = None,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Say by card and PIN where you live: evidence for a move within a day, where the municipality asks for it."""
    from pki.purpose import Purpose

    at = _at(clock)
    with _home(service, reader, trace) as home:
        pin = ask(home.card, Purpose.AUTHENTICATION, pin_stdin, pin_pad)
        answer = home.state_residence(municipality, address, pin, at)
    print(json.dumps(answer) if as_json else f"{answer['proof']}: counts until {answer['until']}")


@app.command()
def finish(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A filing that was kept.")],
    service: ServiceOption,
    reader: ReaderOption = None,
    as_json: JsonOption = False,
    trace: TraceOption = None,
) -> None:
    """Go on with a filing that was cut short, until its certificate is on the card. Needs no password."""
    from cli.home_filing import Prepared
    from pki.errors import Error, InvalidValue

    try:
        prepared = Prepared.of_body(json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError, Error):
        raise InvalidValue(f"{file} is not a filing that was kept") from None
    with _home(service, reader, trace) as home:
        _do(home, prepared, file, as_json)


# -- what they share -----------------------------------------------------------------------------------------------


def _at(clock: str | None) -> "Instant":
    from cli.clock import SystemClock
    from pki.instant import Instant

    return SystemClock().now() if clock is None else Instant.parse(clock)


@contextmanager
def _home(service: str, reader: str | None, trace: Path | None) -> "Iterator[Home]":
    import httpx

    from cardio.jpki_card import JpkiCard
    from cardio.pcsc import Context
    from cardio.personalisation import CardInReader
    from cardio.present_cards import CardKind, choose_reader, session_at
    from cli.errors import ServiceSilent
    from cli.home_filing import Home
    from cli.remote_cards import RemoteAuthority

    with Context() as context, tracing(trace) as tracer:
        session = session_at(context, choose_reader(context, reader), CardKind.JPKI, tracer)
        with session, httpx.Client(base_url=service, timeout=30) as http:
            slot = CardInReader(session, RemoteAuthority(http, lambda: session.identity))
            try:
                yield Home(JpkiCard(session), slot, http, os.urandom, time.sleep)
            except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol):
                raise ServiceSilent(service) from None


_FOR_GOOD = frozenset({"400", "403", "404", "410", "413", "422"})
"""HTTP's statuses after which asking again would be answered alike."""


def _do(home: "Home", prepared: "Prepared", keep: Path | None, as_json: bool) -> None:
    """Keep it, send it, install what comes of it; then it need not be kept any more.

    Refused for good, it is of no use and goes too: nothing has changed.
    """
    from cli.errors import FilingRefused

    file = keep or Path(f"filing-{prepared.filing}.json")
    _keep(file, prepared.body())
    try:
        home.send(prepared)
    except FilingRefused as refused:
        if str(refused.problem.get("status")) in _FOR_GOOD:
            file.unlink()
        raise
    try:
        answer = home.finish(prepared)
    except BaseException:
        print(f"It is not done yet; go on with: jitsuin home finish {file} --service …", file=sys.stderr)
        raise
    file.unlink()
    told: dict[str, Any] = {name: answer[name] for name in ("filing", "state", "decision", "accepted_at")}
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    decision = told["decision"]
    print(f"accepted {told['accepted_at']}: {decision['used']} of {decision['limit']} used; the card is up to date")


def _keep(file: Path, body: dict[str, str]) -> None:
    """It holds an address: for its owner only, and whole or not there."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    opener: Callable[[str, int], int] = lambda path, flags: os.open(path, flags, 0o600)  # noqa: E731
    with open(draft, "w", encoding="utf-8", opener=opener) as out:
        json.dump(body, out)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
