"""Filing a remote change of address from home: the holder's card, their PIN, and the service's HTTP door.

    1. the card makes a pending key and proves it          the old key goes on signing
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

from cardio.errors import WrongCardState
from cardio.jpki_card import JpkiCard
from cardio.pin import Pin
from cardio.piv import PivCard
from cli.errors import FilingRefused, ServiceSilent
from enrollment.cards import CardSlot
from enrollment.filing import MoveFiling
from pki import cms
from pki.algorithms import algorithm_for
from pki.certificate import Certificate
from pki.certification_request import assemble_request, certification_request_info
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

    def body(self) -> dict[str, str]:
        """What is posted."""
        parts = {"document": self.document, "signature": self.signature, "request": self.request}
        return {name: base64.b64encode(octets).decode() for name, octets in parts.items()}

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

    def sign(self, document: bytes, password: Pin, at: Instant) -> bytes:
        """Detached CMS (CAdES level B) over `document` by the signature key. Errors: WrongPin, PinBlocked, LastTry."""
        octets = self._certificate(password)
        if octets is None:
            raise WrongCardState("it has no signature certificate")
        certificate = Certificate(octets)
        digest = hashlib.new(cms.digest_name(certificate), document).digest()
        attributes = cms.to_be_signed(digest, certificate, at)
        return cms.assemble(attributes, self.card.sign(Purpose.SIGNATURE, password, attributes), certificate)

    def prepare_move(self, municipality: str, address: str, moved_on: date, password: Pin, at: Instant) -> Prepared:
        """A new pending key on the card, and a signed filing for it. Errors: WrongPin, PinBlocked, LastTry."""
        spki = self.slot.generate(Purpose.SIGNATURE)
        info = certification_request_info(spki)
        request = assemble_request(info, algorithm_for(spki).oid, self.slot.prove(Purpose.SIGNATURE, info))
        filing = MoveFiling(
            filing=self.random(16).hex(),
            municipality=municipality,
            address=address,
            moved_on=moved_on,
            request_digest=hashlib.sha256(request).hexdigest(),
            void_after=at + _VOID_AFTER,
        )
        document = filing.document()
        return Prepared(filing.filing, document, self.sign(document, password, at), request)

    def finish(self, prepared: Prepared) -> dict[str, Any]:
        """Send a filing, and put the certificate that comes of it onto the card; repeatable until it is done.

        The answer is the service's, with `certificate` in base64. Errors: FilingRefused with the service's problem
        (nothing has changed then); ServiceSilent when the certificate does not come in time.
        """
        answer = self._answered(
            self.http.post("/v1/filings", json=prepared.body(), headers={"Idempotency-Key": prepared.filing})
        )
        for _ in range(200):
            if answer["certificate"] is not None:
                break
            self.wait(0.05)
            answer = self._answered(self.http.get(f"/v1/filings/{prepared.filing}"))
        else:
            raise ServiceSilent("the new certificate")
        issuer = self._issuer()
        if issuer is None:
            raise WrongCardState("it has no certificate of the authority")
        self.slot.install(Purpose.SIGNATURE, base64.b64decode(answer["certificate"]), issuer)
        return answer

    def _certificate(self, password: Pin) -> bytes | None:
        """On a JPKI card it names its holder, and is read under the password; on a PIV card everybody reads it."""
        if isinstance(self.card, JpkiCard):
            return self.card.read(Purpose.SIGNATURE, password)
        return self.card.read(Purpose.SIGNATURE)

    def _issuer(self) -> bytes | None:
        return self.card.read_ca_certificate(Purpose.SIGNATURE) if isinstance(self.card, JpkiCard) else self.issuer

    def _answered(self, response: httpx.Response) -> dict[str, Any]:
        document: dict[str, Any] = response.json()
        if response.is_success:
            return document
        raise FilingRefused(str(document.get("code", response.status_code)), str(document.get("detail", "")), document)
