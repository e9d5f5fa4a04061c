"""OCSP: a request in, a response out (RFC 6960, RFC 5019, RFC 9654).

What is answered when:

    malformedRequest   not an OCSPRequest in DER; a nonce outside 1 to 128 octets; an unknown critical extension
    unauthorized       none of the CertIDs names this issuer by both its hashes; a signed request by a stranger
    sigRequired        unsigned, where only registered relying parties are answered
    tryLater           the source of statuses cannot be sure just now (stale, away, restored)
    internalError      no valid delegated responder certificate: the authority's own key never steps in
    successful         signed: good | revoked | unknown, unknown also for a serial that was never issued
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca.keys import SigningKey
from ca.ocsp_request import AskedCertificate, OcspRequest, parse_request, slice_request
from ca.ocsp_response import UNSUCCESSFUL, CrlReference, ResponseEncoder, ResponseStatus, SingleAnswer, encode_single
from ca.status import NEVER_ISSUED, StatusSource
from ca.status_errors import ResponderUnusable
from pki import der, oids
from pki.algorithms import ALGORITHMS, HASH_OIDS, verify_raw
from pki.certificate import Certificate
from pki.errors import Error, Malformed
from pki.instant import Instant
from pki.revocation import Revoked, Status, Unknown


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """How long answers hold and what they carry."""

    live_validity: timedelta = timedelta(minutes=15)
    """thisUpdate to nextUpdate of an answer made for one request."""
    presigned_validity: timedelta = timedelta(hours=4)
    """The same of an answer signed ahead; after half of it a fresh one is made."""
    archive_cutoff: timedelta | None = None
    """With it, answers tell how far back records reach (RFC 6960 4.4.4): producedAt minus this."""

    def cutoff(self, at: Instant) -> Instant | None:
        """What an answer produced at `at` says of it."""
        return None if self.archive_cutoff is None else at + -self.archive_cutoff


class Delegates(Protocol):
    """Gives the responder that signs for an authority now; renewal happens behind it.

    Errors: ResponderUnusable when there is none that is valid. It never gives the authority's own key.
    """

    def current(self, at: Instant) -> ResponseEncoder: ...


class Access(Protocol):
    """Who is answered. Gives None when the requester may be answered, else the status to refuse with.

    `client`: SHA-256 in hex of the certificate that the requester's TLS connection proved.
    """

    def refuse(self, request: OcspRequest, at: Instant, client: str | None, /) -> ResponseStatus | None: ...


class OpenAccess:
    """Everybody is answered; a signature on a request is not looked at."""

    def refuse(self, _request: OcspRequest, _at: Instant, _client: str | None = None, /) -> ResponseStatus | None:
        """Nobody is refused."""
        return None


class FixedDelegates:
    """Delegated responders of one authority, each checked once; the newest that is valid signs."""

    def __init__(
        self, authority: str, issuer: Certificate, responders: Sequence[tuple[Certificate, SigningKey]]
    ) -> None:
        """Errors: ResponderUnusable for a certificate that may not sign for `issuer`, or whose key is another."""
        self._authority = authority
        self._encoders = []
        for certificate, key in sorted(responders, key=lambda pair: pair[0].validity.not_before, reverse=True):
            check_delegate(authority, issuer, certificate, key)
            self._encoders.append(ResponseEncoder(certificate, key))

    def current(self, at: Instant) -> ResponseEncoder:
        """The newest that is valid at `at`."""
        for encoder in self._encoders:
            if encoder.certificate.validity.contains(at):
                return encoder
        raise ResponderUnusable(self._authority, "no responder certificate is valid now")


def check_delegate(authority: str, issuer: Certificate, certificate: Certificate, key: SigningKey) -> None:
    """See that `certificate` is a delegate of `issuer` with nocheck (RFC 6960 4.2.2.2) and that `key` is its key.

    Errors: ResponderUnusable naming the fault.
    """
    found = certificate.x509
    if not verify_issued(certificate, issuer):
        raise ResponderUnusable(authority, "its certificate is not signed by the authority's key")
    try:
        purposes = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        purposes = x509.ExtendedKeyUsage([x509.ObjectIdentifier(oids.ANY_EXTENDED_KEY_USAGE)])
    if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        raise ResponderUnusable(authority, "its certificate lacks the extended key usage OCSPSigning")
    try:
        found.extensions.get_extension_for_class(x509.OCSPNoCheck)
    except x509.ExtensionNotFound:
        raise ResponderUnusable(authority, "its certificate lacks ocsp-nocheck") from None
    message = b"jitsuin: is this the responder's key?"
    if not verify_raw(certificate.public_key, ALGORITHMS[key.shape.signature_algorithm], key.sign(message), message):
        raise ResponderUnusable(authority, "its key is not the certificate's")


def verify_issued(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether `issuer`'s key signed `certificate`."""
    dotted = certificate.x509.signature_algorithm_oid.dotted_string
    algorithm = ALGORITHMS.get(dotted)
    return algorithm is not None and verify_raw(issuer.public_key, algorithm, certificate.signature, certificate.tbs)


References = Callable[[str, int], CrlReference | None]
"""Gives the published CRL that lists a certificate of an authority; None while none does."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request that will be answered: it is authentic, ours, and somebody may ask it."""

    request: OcspRequest
    ours: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An OCSPResponse and, when it is a successful one, its times. `shared`: others may be given the same octets."""

    der: bytes
    this_update: Instant | None = None
    next_update: Instant | None = None
    shared: bool = False


_REFUSALS = {status: Answer(octets) for status, octets in UNSUCCESSFUL.items()}


def refusal(status: ResponseStatus) -> Answer:
    """The unsigned response of that status."""
    return _REFUSALS[status]


@dataclass(slots=True)
class Responder:
    """Answers for one authority, live: the status of each certificate is asked for at the moment of the request."""

    authority: str
    issuer: Certificate
    delegates: Delegates
    source: StatusSource
    policy: AnswerPolicy = field(default_factory=AnswerPolicy)
    access: Access = field(default_factory=OpenAccess)
    alarm: Callable[[Error], None] = lambda _error: None
    """Told of every error that made us say internalError or tryLater."""
    references: References | None = None
    """With it, answers about revoked certificates name the CRL that lists them (RFC 6960 4.4.2)."""
    _hashes: dict[str, tuple[bytes, bytes]] = field(init=False, repr=False)

    _fronts: tuple[tuple[bytes, str, int], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._hashes = issuer_hashes(self.issuer)
        self._fronts = tuple(
            (_front(name, *self._hashes[name]), name, len(self._hashes[name][0])) for name in ("sha1", "sha256")
        )

    @property
    def open(self) -> bool:
        """Whether everybody is answered, so that an answer may be kept for others."""
        return isinstance(self.access, OpenAccess)

    def answer(self, octets: bytes, at: Instant) -> bytes:
        """The OCSPResponse to a request: always one, whatever came."""
        return self.respond(octets, at).der

    def respond(self, octets: bytes, at: Instant, client: str | None = None) -> Answer:
        """The same with what HTTP has to know of it. `client`: as `Access` has it."""
        try:
            question = self.understand(octets, at, client)
            if isinstance(question, ResponseStatus):
                return refusal(question)
            answer = self.reply(question, at)
            return answer if self.open else replace(answer, shared=False)
        except ResponderUnusable as error:
            self.alarm(error)
            return refusal(ResponseStatus.INTERNAL_ERROR)
        except Error as error:
            self.alarm(error)
            return refusal(ResponseStatus.TRY_LATER)

    def understand(self, octets: bytes, at: Instant, client: str | None = None) -> Question | ResponseStatus:
        """Read and admit a request, or say with which status it is refused."""
        request = self._sliced(octets)
        if request is None:
            try:
                request = parse_request(octets)
            except Malformed:
                return ResponseStatus.MALFORMED_REQUEST
        refused = self.access.refuse(request, at, client)
        if refused is not None:
            return refused
        ours = tuple(self._is_ours(asked) for asked in request.asked)
        # RFC 5019 2.2.3: nothing here can be answered with authority; saying so costs no signature.
        return Question(request, ours) if any(ours) else ResponseStatus.UNAUTHORIZED

    def _sliced(self, octets: bytes) -> OcspRequest | None:
        for front, name, size in self._fronts:
            found = slice_request(octets, front, name, size)
            if found is not None:
                return found
        return None

    def reply(self, question: Question, at: Instant, validity: timedelta | None = None) -> Answer:
        """Ask the source and sign; an answer for everybody holds for `validity` (else the live one).

        Errors: ResponderUnusable, and whatever the source raises.
        """
        encoder = self.delegates.current(at)
        asked = question.request.asked
        serials = [one.serial for one, mine in zip(asked, question.ours, strict=True) if mine]
        found = iter(self.source.statuses(self.authority, serials))
        statuses = [next(found) if mine else NEVER_ISSUED for mine in question.ours]
        # What is unknown now may be issued in a second: nobody may keep that answer for others.
        shared = question.request.nonce is None and not any(isinstance(status, Unknown) for status in statuses)
        chosen = validity if shared and validity is not None else self.policy.live_validity
        until = _until(at, chosen, encoder)
        cutoff = self.policy.cutoff(at)
        singles = [
            encode_single(SingleAnswer(one.encoded, status, at, until, cutoff, self._reference(one.serial, status)))
            for one, status in zip(asked, statuses, strict=True)
        ]
        return Answer(encoder.encode(at, singles, question.request.nonce), at, until, shared)

    def _reference(self, serial: int, status: Status) -> CrlReference | None:
        if self.references is None or not isinstance(status, Revoked):
            return None
        return self.references(self.authority, serial)

    def _is_ours(self, asked: AskedCertificate) -> bool:
        # Both hashes: a name says nothing about the key, and generations of one authority share a name.
        return asked.hash_name is not None and self._hashes[asked.hash_name] == (asked.name_hash, asked.key_hash)


def _until(at: Instant, validity: timedelta, encoder: ResponseEncoder) -> Instant:
    return min(at + validity, encoder.certificate.validity.not_after)


def _front(hash_name: str, name_hash: bytes, key_hash: bytes) -> bytes:
    algorithm = der.sequence(der.oid(HASH_OIDS[hash_name]), der.null())
    return algorithm + der.octet_string(name_hash) + der.octet_string(key_hash)


def issuer_hashes(issuer: Certificate) -> dict[str, tuple[bytes, bytes]]:
    """(issuerNameHash, issuerKeyHash) by hash name (RFC 6960 4.1.1)."""
    return {
        name: (hashlib.new(name, issuer.subject).digest(), hashlib.new(name, issuer.public_key_bits).digest())
        for name in HASH_OIDS
    }
