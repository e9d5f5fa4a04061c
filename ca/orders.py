"""What is ordered from an authority: certificates for a person's card, or for an operator or relying party."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from pki.attributes import Attributes
from pki.instant import Instant
from pki.municipality import Municipality
from pki.purpose import Purpose


class Assurance(StrEnum):
    """What stands behind a certificate: a check in person, or a remote filing that leans on an earlier one."""

    IN_PERSON = "in-person"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Order:
    """One certificate for a person's card.

    `request` is a PKCS#10 request in DER whose signature proves possession. `attributes` are needed for a signature
    certificate and not looked at otherwise. `not_past` is an end that this certificate may not outlive (the
    authentication certificate's, for a signature certificate). `renewed_in_window`: the person renews within the last
    months of the certificate before, which adds a birthday. `owner` is an opaque id of the person.
    """

    purpose: Purpose
    request: bytes
    attributes: Attributes | None
    municipality: Municipality
    assurance: Assurance
    date_of_birth: date = field(repr=False)
    card_id: str
    card_not_after: Instant
    not_past: Instant | None
    renewed_in_window: bool
    owner: str
    idempotency_key: str


class ServiceKind(StrEnum):
    """Who the certificates outside of people's cards are for."""

    OPERATOR = "operator"
    TLS_CLIENT = "tls-client"
    TIME_STAMP = "time-stamp"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class ServiceOrder:
    """One certificate for an operator, for a relying party's TLS client or for one of our own services, which signs
    time-stamps or verdicts; the authentication authority issues it.

    `common_name` is an opaque id of the operator or the relying party's name; `card_id` is empty for a key in software.
    """

    kind: ServiceKind
    request: bytes
    common_name: str
    organization: str
    owner: str
    card_id: str
    not_past: Instant | None
    idempotency_key: str


def digest(order: Order | ServiceOrder, spki: bytes) -> str:
    """SHA-256 in hex over everything that is ordered: two orders of one idempotency key must agree in it.

    The request's signature is left out (`spki` stands for the request): an ECDSA card signs the same request anew with
    other octets, and that is still the same order.
    """
    if isinstance(order, Order):
        person = order.attributes
        content: list[object] = [
            order.purpose,
            None if person is None else [person.name, person.date_of_birth.isoformat(), person.gender, person.address],
            None if person is None else [person.name_substitutes, person.address_substitutes],
            [order.municipality.code, order.municipality.prefecture_roman, order.municipality.municipality_roman],
            order.assurance,
            order.date_of_birth.isoformat(),
            order.card_id,
            order.card_not_after.seconds,
            None if order.not_past is None else order.not_past.seconds,
            order.renewed_in_window,
            order.owner,
        ]
    else:
        content = [
            order.kind,
            order.common_name,
            order.organization,
            order.owner,
            order.card_id,
            None if order.not_past is None else order.not_past.seconds,
        ]
    return hashlib.sha256(_JSON([content, spki.hex()]).encode()).hexdigest()


_JSON = json.JSONEncoder(separators=(",", ":")).encode
