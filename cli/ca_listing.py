"""Certificates as listings: which are asked for, and how each is written."""

import csv
import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ca.inventory import Listed, Query


class Form(StrEnum):
    """How a listing is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


COLUMNS = (
    "authority", "serial", "serial_decimal", "kind", "state", "assurance", "owner", "card_id", "not_before",
    "not_after", "issued_at", "revoked_at", "reason", "invalidity_date", "partition", "fingerprint",
)  # fmt: skip


def query(
    authority: str | None = None,
    serial: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    owner: str | None = None,
    card: str | None = None,
    fingerprint: str | None = None,
    issued_from: str | None = None,
    issued_until: str | None = None,
    expires_until: str | None = None,
) -> "Query":
    """What is asked for, from the options. Errors: InvalidValue naming the wrong one."""
    from ca.inventory import Query
    from ca.lifecycle import CertificateState
    from ca.profiles import Kind
    from pki.errors import InvalidValue
    from pki.instant import Instant
    from pki.serial import SerialNumber

    try:
        found_kind = None if kind is None else Kind(kind)
        found_state = None if state is None else CertificateState(state)
    except ValueError as error:
        raise InvalidValue(str(error)) from error
    return Query(
        authority=authority,
        serial=None if serial is None else SerialNumber.parse(serial),
        kind=found_kind,
        state=found_state,
        owner=owner,
        card_id=card,
        fingerprint=None if fingerprint is None else _fingerprint(fingerprint),
        issued_from=None if issued_from is None else Instant.parse(issued_from),
        issued_until=None if issued_until is None else Instant.parse(issued_until),
        expires_until=None if expires_until is None else Instant.parse(expires_until),
    )


def _fingerprint(text: str) -> str:
    from pki.errors import InvalidValue

    digits = text.replace(":", "").lower()
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise InvalidValue("a fingerprint is SHA-256: 64 hexadecimal digits, with or without colons")
    return digits


def line(one: "Listed") -> dict[str, Any]:
    """A certificate by `COLUMNS`."""
    revoked = one.revoked
    return dict(
        zip(
            COLUMNS,
            (
                one.authority,
                f"0x{one.serial.hex}",
                str(int(one.serial)),
                one.kind.value,
                one.state.value,
                one.assurance,
                one.owner,
                one.card_id,
                one.validity.not_before.iso(),
                one.validity.not_after.iso(),
                one.issued_at.iso(),
                revoked.since.iso() if revoked else None,
                revoked.reason.standard_name if revoked else None,
                revoked.invalidity_date.iso() if revoked and revoked.invalidity_date else None,
                one.partition,
                one.fingerprint,
            ),
            strict=True,
        )
    )


def write(form: Form, found: "Iterable[Listed]", more: str | None, *, lines: bool = False) -> None:
    """Write a listing to standard output. `lines`: JSON as one object a line, for listings that have no end."""
    if form is Form.CSV:
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_harmless(line(one)) for one in found)
    elif form is Form.JSON and lines:
        for one in found:
            typer.echo(json.dumps(line(one), ensure_ascii=False))
    elif form is Form.JSON:
        document = {"certificates": [line(one) for one in found], "next": more}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    else:
        for one in found:
            typer.echo(
                f"{one.serial.hex}  {one.authority:18} {one.kind.value:15} {one.state.value:8} "
                f"until {one.validity.not_after.iso()}  {one.owner}"
            )
    if more is not None:
        typer.echo(f"more: --after {more}", err=form is Form.CSV)


def _harmless(line: dict[str, Any]) -> dict[str, Any]:
    """A spreadsheet takes text that begins like a formula for one: such text gets an apostrophe before it."""
    return {
        name: f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
        for name, value in line.items()
    }
