"""Issuing in bulk: a file of orders in, a file of certificates out, in groups that share their commits.

Orders are lines of JSON. A group's orders are taken in one transaction and its certificates stored in another; nobody
is told of a certificate before its commit. A batch that was cut short is simply run again: the idempotency key of each
order finds what was done, so nothing is issued twice and nothing is left out.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from ca.directory import Database
from ca.errors import AuthorityError, IdempotencyConflict, LintFailed, RequestRefused
from ca.intents import IntentId
from ca.issuance import IssuedCertificate, Registrar, Signer
from ca.orders import Assurance, Order, ServiceKind, ServiceOrder
from ca.planning import Asked, prove
from pki.attributes import Attributes, Gender
from pki.errors import Error, InvalidValue
from pki.instant import Instant
from pki.municipality import Municipality
from pki.purpose import Purpose

E = TypeVar("E", bound=StrEnum)

GROUP = 250
_JSON = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order: a certificate, or the error that refused it."""

    idempotency_key: str
    issued: IssuedCertificate | None
    refused: Error | None

    def to_json(self) -> str:
        """One line: the key, and either serial and certificate or the error's code and reason."""
        if self.issued is not None:
            content = {
                "idempotency_key": self.idempotency_key,
                "authority": self.issued.authority,
                "serial": self.issued.serial.hex,
                "not_after": self.issued.validity.not_after.iso(),
                "certificate": base64.b64encode(self.issued.der).decode(),
            }
        else:
            error = self.refused or Error()
            content = {"idempotency_key": self.idempotency_key, "error": error.code, "why": error.reason}
        return _JSON(content)


def parse_order(line: str | bytes) -> Order | ServiceOrder:
    """An order from one line of JSON; the names are those of `ca.orders`, `request` is base64 of the DER.

    Errors: InvalidValue naming the key that is missing or wrong (never its value: it may be a person's data).
    """
    try:
        raw = json.loads(line)
    except ValueError as error:
        raise InvalidValue("an order is one line of JSON") from error
    if not isinstance(raw, dict):
        raise InvalidValue("an order is a JSON object")
    given = _Given(raw)
    return _service_order(given) if "kind" in raw else _order(given)


class _Given:
    """The values of one order; which key is being read is known when it fails."""

    def __init__(self, raw: dict[str, object]) -> None:
        self._raw = raw

    def text(self, key: str, default: str | None = None) -> str:
        value = self._raw.get(key, default)
        if not isinstance(value, str):
            raise InvalidValue(f"{key}: a string is needed")
        return value

    def flag(self, key: str) -> bool:
        value = self._raw.get(key, False)
        if not isinstance(value, bool):
            raise InvalidValue(f"{key}: true or false is needed")
        return value

    def octets(self, key: str) -> bytes:
        try:
            return base64.b64decode(self.text(key), validate=True)
        except ValueError as error:
            raise InvalidValue(f"{key}: base64 is needed") from error

    def instant(self, key: str) -> Instant:
        try:
            return Instant.parse(self.text(key))
        except InvalidValue as error:
            raise InvalidValue(f"{key}: {error.what}") from error

    def optional_instant(self, key: str) -> Instant | None:
        return None if self._raw.get(key) is None else self.instant(key)

    def day(self, key: str) -> date:
        try:
            return date.fromisoformat(self.text(key))
        except ValueError as error:
            raise InvalidValue(f"{key}: a day like 1990-02-17 is needed") from error

    def choice(self, key: str, kind: type[E]) -> E:
        try:
            return kind(self.text(key))
        except ValueError as error:
            raise InvalidValue(f"{key}: one of {', '.join(kind)} is needed") from error

    def below(self, key: str) -> "_Given":
        value = self._raw.get(key)
        if not isinstance(value, dict):
            raise InvalidValue(f"{key}: an object is needed")
        return _Given(value)

    def has(self, key: str) -> bool:
        return self._raw.get(key) is not None


def _order(given: _Given) -> Order:
    place = given.below("municipality")
    born = given.day("date_of_birth")
    return Order(
        purpose=given.choice("purpose", Purpose),
        request=given.octets("request"),
        attributes=_attributes(given.below("attributes"), born) if given.has("attributes") else None,
        municipality=Municipality(
            place.text("code"),
            place.text("prefecture_roman"),
            place.text("municipality_roman"),
            place.text("name_ja"),
        ),
        assurance=given.choice("assurance", Assurance),
        date_of_birth=born,
        card_id=given.text("card_id"),
        card_not_after=given.instant("card_not_after"),
        not_past=given.optional_instant("not_past"),
        renewed_in_window=given.flag("renewed_in_window"),
        owner=given.text("owner"),
        idempotency_key=given.text("idempotency_key"),
    )


def _attributes(given: _Given, born: date) -> Attributes:
    return Attributes(
        given.text("name"),
        born,
        given.choice("gender", Gender),
        given.text("address"),
        given.text("name_substitutes", ""),
        given.text("address_substitutes", ""),
    )


def _service_order(given: _Given) -> ServiceOrder:
    return ServiceOrder(
        kind=given.choice("kind", ServiceKind),
        request=given.octets("request"),
        common_name=given.text("common_name"),
        organization=given.text("organization"),
        owner=given.text("owner"),
        card_id=given.text("card_id", ""),
        not_past=given.optional_instant("not_past"),
        idempotency_key=given.text("idempotency_key"),
    )


def issue(
    database: Database,
    registrar: Registrar,
    signer: Signer,
    orders: Iterable[Order | ServiceOrder],
    at: Instant,
    group: int = GROUP,
) -> Iterator[list[Outcome]]:
    """Issue for every order, group by group; each group's outcomes once they are committed, in the orders' order.

    An order that is refused does not stop the others. Errors: KeyStoreError and whatever the database raises.
    """
    rest = iter(orders)
    while batch := list(islice(rest, group)):
        yield _issue_group(database, registrar, signer, batch, at)


def _issue_group(
    database: Database, registrar: Registrar, signer: Signer, batch: Sequence[Order | ServiceOrder], at: Instant
) -> list[Outcome]:
    proven = [_proven(order) for order in batch]
    taken = _take_group(database, registrar, proven, at)
    intents = list(dict.fromkeys(one for one in taken if not isinstance(one, AuthorityError)))
    issued = dict(zip(intents, signer.sign_many(database, intents, at), strict=True)) if intents else {}
    return [
        Outcome(order.idempotency_key, None, one)
        if isinstance(one, AuthorityError)
        else Outcome(order.idempotency_key, issued[one], None)
        for order, one in zip(batch, taken, strict=True)
    ]


def _proven(order: Order | ServiceOrder) -> Asked | AuthorityError:
    try:
        return prove(order)
    except RequestRefused as refused:
        return refused


def _take_group(
    database: Database, registrar: Registrar, proven: Sequence[Asked | AuthorityError], at: Instant
) -> list[IntentId | AuthorityError]:
    """The intents of a group, or what refused its orders.

    Serials are drawn, octets built and linted while no lock is held; the transaction only looks and writes.
    """
    asked = [one for one in proven if isinstance(one, Asked)]
    found: Iterator[IntentId | AuthorityError]
    try:
        found = iter(_take(database, registrar, asked, at) if asked else [])
    except (RequestRefused, IdempotencyConflict, LintFailed):
        # At least one is refused: only now each gets a transaction of its own.
        found = iter([_take_one(database, registrar, one, at) for one in asked])
    return [next(found) if isinstance(one, Asked) else one for one in proven]


def _take(database: Database, registrar: Registrar, asked: Sequence[Asked], at: Instant) -> list[IntentId]:
    drafts = database.read(lambda conn: registrar.draft(conn, asked, at))
    return database.transaction(lambda conn: registrar.take(conn, drafts, at))


def _take_one(database: Database, registrar: Registrar, asked: Asked, at: Instant) -> IntentId | AuthorityError:
    try:
        (identifier,) = _take(database, registrar, [asked], at)
    except (RequestRefused, IdempotencyConflict, LintFailed) as error:
        return error
    return identifier
