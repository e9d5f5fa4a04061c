"""What the commands of `jitsuin card` share: a PIN asked for without echo or entered on the reader's own keys, a trace
readable by its owner only.
"""

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pki.purpose import Purpose

if TYPE_CHECKING:
    from cardio.commands import Entered
    from cardio.jpki_card import JpkiCard
    from cardio.pin import PinRule
    from cardio.piv import PivCard
    from cardio.session import CardSession
    from cardio.trace import Trace

PinPadOption = Annotated[
    bool, typer.Option("--pin-pad", help="Enter PINs on the reader's own keys, where it has some and they suffice.")
]

P = TypeVar("P")


def read_pin(make: Callable[[str], P], prompt: str, pin_stdin: bool) -> P:
    """What `make` makes of a line of standard input, or of what is typed on the terminal without echo."""
    return make(sys.stdin.readline().rstrip("\r\n") if pin_stdin else getpass.getpass(f"{prompt}: "))


def on_pad(session: "CardSession", rule: "PinRule", wanted: bool) -> "Entered | None":
    """An entry on the reader's keys, or None: not wanted, no keys, or a PIN for which digits do not suffice."""
    from cardio.pin_pad import PadEntry, fits_pad

    if not wanted:
        return None
    if not fits_pad(rule):
        print(f"The {rule.slot} has letters, which the reader's keys have not: it is typed here.", file=sys.stderr)
    elif not session.has_pin_pad():
        print("The reader has no keys of its own: the PIN is typed here.", file=sys.stderr)
    else:
        print(f"Enter the {rule.slot} on the reader.", file=sys.stderr)
        return PadEntry(rule)
    return None


def rule_of(card: "JpkiCard | PivCard", purpose: Purpose) -> "PinRule":
    """The rule of the PIN that guards the key of that purpose."""
    from cardio import jpki
    from cardio.jpki_card import JpkiCard
    from cardio.piv_commands import PIN_RULE

    return jpki.SLOTS[purpose].rule if isinstance(card, JpkiCard) else PIN_RULE


def ask(
    card: "JpkiCard | PivCard", purpose: Purpose, pin_stdin: bool, pin_pad: bool = False, prefix: str = ""
) -> "Entered":
    """A PIN from the reader's keys, the terminal or standard input. The tries left are told before it is asked for.

    Errors: PinBlocked; PinMalformed.
    """
    from cardio.errors import PinBlocked
    from cardio.jpki_card import JpkiCard
    from cardio.pin import Pin

    rule = rule_of(card, purpose)
    if not prefix:
        left = card.tries_left(purpose) if isinstance(card, JpkiCard) else card.describe().pin_tries_left
        if left == 0:
            raise PinBlocked(rule.slot)
        if left is not None and left <= 2 and not pin_stdin:
            print(f"Careful: {left} {'try' if left == 1 else 'tries'} left.", file=sys.stderr)
    if (pad := on_pad(card.session, rule, pin_pad)) is not None:
        return pad
    return read_pin(lambda text: Pin(rule, text), f"{prefix}{rule.slot} ({rule.sentence})", pin_stdin)


def confirm_last_try(card: "JpkiCard | PivCard", purpose: Purpose, given: bool, pin_stdin: bool) -> bool:
    """Whether the last try may be used: said on the command line, or asked for once more at the terminal."""
    from cardio.jpki_card import JpkiCard

    if given or pin_stdin or not sys.stdin.isatty():
        return given
    left = card.tries_left(purpose) if isinstance(card, JpkiCard) else card.describe().pin_tries_left
    if left != 1:
        return given
    rule = rule_of(card, purpose)
    return typer.confirm(f"Only one try of the {rule.slot} is left; wrong, it is blocked. Use it?", err=True)


@contextmanager
def tracing(file: Path | None) -> "Iterator[Trace | None]":
    """A trace that appends to the file, readable by its owner only, each line at once; None without a file."""
    from cardio.trace import Trace

    if file is None:
        yield None
        return
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", 1) as log:
        yield Trace(lambda line: log.write(line + "\n"))
