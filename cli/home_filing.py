"""Filing from home (a move, a re-issue, a renewal): the holder's card, their PIN, and the service's HTTP door.

    1. the card makes a pending key and proves it          the old key goes on signing; a renewal makes both
    2. the card signs the filing with the old key (PIN)
    3. the filing is sent; accepted, the old certificate is revoked and the new one promised
    4. the new certificate is fetched and installed: pending key and certificate become the active ones

After a crash `finish` goes on from 3: what was sent is kept in a Prepared, and sending it again has no second effect.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import httpx

from cardio.commands import Entered
from cardio.errors import WrongCardState
from cardio.jpki_card import JpkiCard
from cardio.piv import PivCard
from cli.errors import FilingRefused, ServiceSilent
from enrollment.cards import CardSlot
from enrollment.filing import MoveFiling, ReissueFiling, RenewalFiling, ResidenceStatement, parse_filing
from enrollment.issuing import proven_request
from pki import cms
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose

_VOID_AFTER = timedelta(hours=1)


class Wait(Protocol):
    """Waits some seconds; the caller's way to be patient."""

    def __call__(self, seconds: float, /) -> object: ...


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """A filing that is signed and was perhaps sent. It holds an address: as secret as a letter."""

    filing: str
    document: bytes
    signature: bytes
    request: bytes
    authentication_request: bytes = b""

    def body(self) -> dict[str, str]:
        """What is posted."""
        parts = {"document": self.document, "signature": self.signature, "request": self.request}
        if self.authentication_request:
            parts["authentication_request"] = self.authentication_request
        return {name: base64.b64encode(octets).decode() for name, octets in parts.items()}

    @classmethod
    def of_body(cls, body: dict[str, str]) -> "Prepared":
        """What `body` gave, to go on with after a crash. Errors: FilingMalformed, ValueError for anything else."""
        parts = {name: base64.b64decode(octets, validate=True) for name, octets in body.items()}
        return cls(parse_filing(parts["document"]).filing, **parts)

    def __repr__(self) -> str:
        return f"Prepared({self.filing})"


@dataclass(frozen=True, slots=True)
class Home:
    """A person's place: their card in a reader, and the address of the service.

    `slot` manages the card (through whoever computes management commands), `card` is the holder's own side of it.
    `issuer`: the certificate (DER) of the authority of signature certificates, for a PIV card, which holds none.
    """

    card: JpkiCard | PivCard
    slot: CardSlot
    http: httpx.Client
    random: Callable[[int], bytes]
    wait: Wait
    issuer: bytes | None = None
    authentication_issuer: bytes | None = None

    def sign(self, document: bytes, password: Entered, at: Instant, purpose: Purpose = Purpose.SIGNATURE) -> bytes:
        """Detached CMS (CAdES level B) over `document` by the card's key. Errors: WrongPin, PinBlocked, LastTry."""
        octets = self._certificate(password, purpose)
        if octets is None:
            raise WrongCardState(f"it has no {purpose.value} certificate")
        certificate = Certificate(octets)
        digest = hashlib.new(cms.digest_name(certificate), document).digest()
        attributes = cms.to_be_signed(digest, certificate, at)
        return cms.assemble(attributes, self.card.sign(purpose, password, attributes), certificate)

    def prepare_move(self, municipality: str, address: str, moved_on: date, password: Entered, at: Instant) -> Prepared:
        """A new pending key on the card, and a signed filing for it. Errors: WrongPin, PinBlocked, LastTry."""
        request = proven_request(self.slot, Purpose.SIGNATURE)
        filing = MoveFiling(
            filing=self.random(16).hex(),
            municipality=municipality,
            address=address,
            moved_on=moved_on,
            request_digest=hashlib.sha256(request).hexdigest(),
            void_after=at + _VOID_AFTER,
        )
        return self._signed(filing, password, at, request)

    def prepare_reissue(self, password: Entered, at: Instant) -> Prepared:
        """A new signature key, nothing else changed. Errors: as `prepare_move`."""
        request = proven_request(self.slot, Purpose.SIGNATURE)
        filing = ReissueFiling(self.random(16).hex(), hashlib.sha256(request).hexdigest(), at + _VOID_AFTER)
        return self._signed(filing, password, at, request)

    def prepare_renewal(self, password: Entered, at: Instant) -> Prepared:
        """Both keys anew. Errors: as `prepare_move`; FilingRefused before the last months of the certificates."""
        other = proven_request(self.slot, Purpose.AUTHENTICATION)
        request = proven_request(self.slot, Purpose.SIGNATURE)
        filing = RenewalFiling(
            filing=self.random(16).hex(),
            request_digest=hashlib.sha256(request).hexdigest(),
            authentication_request_digest=hashlib.sha256(other).hexdigest(),
            void_after=at + _VOID_AFTER,
        )
        return self._signed(filing, password, at, request, other)

    def _signed(
        self,
        filing: MoveFiling | ReissueFiling | RenewalFiling,
        password: Entered,
        at: Instant,
        request: bytes,
        other: bytes = b"",
    ) -> Prepared:
        document = filing.document()
        return Prepared(filing.filing, document, self.sign(document, password, at), request, other)

    def state_residence(self, municipality: str, address: str, pin: Entered, at: Instant) -> dict[str, Any]:
        """Say by card and PIN where the holder lives; the evidence that it became. Errors: FilingRefused."""
        said = ResidenceStatement(self.random(16).hex(), municipality, address, at + _VOID_AFTER)
        document = said.document()
        parts = {"document": document, "signature": self.sign(document, pin, at, Purpose.AUTHENTICATION)}
        body = {name: base64.b64encode(octets).decode() for name, octets in parts.items()}
        return self._answered(self.http.post("/v1/residence-statements", json=body))

    def send(self, prepared: Prepared) -> dict[str, Any]:
        """Send a filing; sent again it has no second effect. Errors: FilingRefused with the service's problem."""
        headers = {"Idempotency-Key": prepared.filing}
        return self._answered(self.http.post("/v1/filings", json=prepared.body(), headers=headers))

    def finish(self, prepared: Prepared) -> dict[str, Any]:
        """Send a filing, and put the certificates that come of it onto the card; repeatable until it is done.

        The answer is the service's, with `certificate` (and `authentication_certificate`) in base64. Errors: those of
        `send` (nothing has changed then), or of the card's management; ServiceSilent when the certificate does not come
        in time.
        """
        answer = self.send(prepared)
        for _ in range(200):
            if answer["certificate"] is not None and _whole(prepared, answer):
                break
            self.wait(0.05)
            answer = self._answered(self.http.get(f"/v1/filings/{prepared.filing}"))
        else:
            raise ServiceSilent("the new certificate")
        self._install(Purpose.SIGNATURE, answer["certificate"])
        if prepared.authentication_request:
            self._install(Purpose.AUTHENTICATION, answer["authentication_certificate"])
        return answer

    def _install(self, purpose: Purpose, certificate: str) -> None:
        issuer = self._issuer(purpose)
        if issuer is None:
            raise WrongCardState("it has no certificate of the authority")
        self.slot.install(purpose, base64.b64decode(certificate), issuer)

    def _certificate(self, password: Entered, purpose: Purpose) -> bytes | None:
        """On a JPKI card the one for signatures names its holder, and is read under the password; on a PIV card
        everybody reads it."""
        if isinstance(self.card, JpkiCard) and purpose is Purpose.SIGNATURE:
            return self.card.read(purpose, password)
        return self.card.read(purpose)

    def _issuer(self, purpose: Purpose) -> bytes | None:
        if isinstance(self.card, JpkiCard):
            return self.card.read_ca_certificate(purpose)
        return self.issuer if purpose is Purpose.SIGNATURE else self.authentication_issuer

    def _answered(self, response: httpx.Response) -> dict[str, Any]:
        document: dict[str, Any] = response.json()
        if response.is_success:
            return document
        raise FilingRefused(str(document.get("code", response.status_code)), str(document.get("detail", "")), document)


def _whole(prepared: Prepared, answer: dict[str, Any]) -> bool:
    return not prepared.authentication_request or answer["authentication_certificate"] is not None
