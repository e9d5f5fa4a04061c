"""What a status is founded on: the rules, the CRLs and answers at hand, and the answer with its source and age."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from pki.instant import Instant
from pki.revocation import Good, Reason, Revoked, Unknown
from verifier.certificate import ParsedCertificate
from verifier.crl import Entry, ParsedCrl
from verifier.lasting import Lasting
from verifier.ocsp import ParsedOcsp
from verifier.path_building import NameIndex


class RevocationMode(StrEnum):
    """What is done when nothing is known of a certificate's status."""

    REQUIRED = "required"
    """Every certificate below the anchor needs an answer; none means INDETERMINATE."""
    IF_PRESENT = "if-present"
    """An answer is asked only of evidence that is about the certificate; such evidence must then be acceptable."""
    OFF = "off"
    """Status is not asked. The result says so."""


class Source(StrEnum):
    """Where an answer came from."""

    CRL = "crl"
    OCSP = "ocsp"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class StatusRules:
    """When evidence is believed."""

    mode: RevocationMode = RevocationMode.REQUIRED
    skew: timedelta = timedelta(0)
    """How far the clock of the evidence's signer may differ from the caller's."""
    maximum_age: timedelta | None = None
    """The oldest thisUpdate of evidence about the leaf; None: as its nextUpdate says."""
    maximum_age_without_next_update: timedelta = timedelta(minutes=10)
    """For OCSP answers that leave nextUpdate out, and so say "ask again at any time" (RFC 6960 4.2.2.1)."""
    nonce: bytes | None = None
    """What was sent as nonce (RFC 9654): an answer about the leaf must then carry it."""


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The status of one certificate, with what it rests on."""

    status: Good | Revoked | Unknown
    source: Source = Source.NOTHING
    this_update: Instant | None = None
    """When the source's knowledge was current."""
    next_update: Instant | None = None
    evidence: tuple[bytes, ...] = ()
    """SHA-256 of the CRLs or OCSP answers."""
    offered: bool = False
    """Some evidence was about the certificate, whether acceptable or not."""

    def age(self, at: Instant) -> timedelta | None:
        """How old the knowledge is at `at`; None when there is none."""
        return None if self.this_update is None else at - self.this_update


class CrlSet(NameIndex[ParsedCrl]):
    """A fixed set of CRLs by issuer, with what was found out about them; shared by all requests that offer this set."""

    __slots__ = ("accepted", "answers", "has_deltas", "names", "unreadable")

    def __init__(self, crls: Iterable[ParsedCrl], unreadable: tuple[str, ...] = ()) -> None:
        crls = tuple(crls)
        super().__init__((crl.issuer, crl) for crl in crls)
        self.has_deltas = any(crl.base_number is not None for crl in crls)
        """Whether any of them is a delta; saves looking for one each time."""
        self.names = sum(map(len, {crl.issuer for crl in crls}))
        """Octets of their issuers' different names."""
        self.unreadable = unreadable
        """What was offered with them and is no CRL (SHA-256 in hex)."""
        self.accepted: Lasting[None] = Lasting(256)
        """CRLs that may be used for the certificates of one issuer, under one anchor."""
        self.answers: Lasting[tuple[StatusAnswer, int, int]] = Lasting(128)
        """The status of CA certificates, with the evidence and the comparisons of names that it took."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Parsed evidence, found by name where names lead to it."""

    certificates: NameIndex[ParsedCertificate]
    crls: CrlSet
    ocsp: tuple[ParsedOcsp, ...]
    read_certificate: Callable[[bytes], ParsedCertificate]
    """Of those that come inside OCSP answers. Errors: Malformed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One acceptable piece of evidence: what it says of the certificate (None: not revoked)."""

    entry: Entry | None
    this_update: int
    next_update: int | None
    evidence: tuple[bytes, ...]
    scope: bytes = b""
    """Findings of one scope follow one another in time: the latest may release what an earlier one held."""


_GOOD: Final = Good()


def weigh(findings: list[Finding], source: Source) -> StatusAnswer:
    """The one answer of acceptable evidence that may disagree: revoked wins, and only a hold can be released."""
    if len(findings) == 1 and findings[0].entry is None:
        return _answer(_GOOD, findings[0], source)
    revoking = [found for found in findings if found.entry and found.entry.reason is not Reason.CERTIFICATE_HOLD]
    if not revoking:
        latest: dict[bytes, Finding] = {}
        for found in findings:
            other = latest.get(found.scope)
            newer = other is None or found.this_update > other.this_update
            if newer or (other is not None and found.this_update == other.this_update and found.entry):
                latest[found.scope] = found
        revoking = [found for found in latest.values() if found.entry]
    if revoking:
        first = min(revoking, key=lambda found: found.entry.since if found.entry else 0)
        entry = first.entry
        if entry is not None:
            invalidity = None if entry.invalidity is None else Instant(entry.invalidity)
            return _answer(Revoked(Instant(entry.since), entry.reason, invalidity), first, source)
    return _answer(_GOOD, max(findings, key=lambda found: found.this_update), source)


def _answer(status: Good | Revoked, found: Finding, source: Source) -> StatusAnswer:
    next_update = None if found.next_update is None else Instant(found.next_update)
    return StatusAnswer(status, source, Instant(found.this_update), next_update, found.evidence, offered=True)
