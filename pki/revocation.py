"""Why a certificate was revoked, and what is known of its status."""

from dataclasses import dataclass
from enum import IntEnum

from pki.instant import Instant


class Reason(IntEnum):
    """CRLReason (RFC 5280 5.3.1); 7 is not used."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10

    @property
    def standard_name(self) -> str:
        """The identifier that the standard gives it, like `affiliationChanged`."""
        head, *tail = self.name.lower().split("_")
        words = {"crl": "CRL", "ca": "CA"}
        first = {"ca": "cA", "aa": "aA"}.get(head, head)
        return first + "".join(words.get(word, word.capitalize()) for word in tail)


@dataclass(frozen=True, slots=True)
class Good:
    """The issuer knows the certificate and has not revoked it."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """Revoked at `since` for `reason`; with `invalidity_date`, its key is suspect from then (RFC 5280 5.3.2)."""

    since: Instant
    reason: Reason = Reason.UNSPECIFIED
    invalidity_date: Instant | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing can be said; `why` tells people the cause. Never to be shown as good, nor as revoked."""

    why: str


Status = Good | Revoked | Unknown
