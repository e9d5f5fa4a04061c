"""What can be seen of the demonstration from outside: verdicts, statuses, CRLs, what is on the cards, the ledger."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from cli.demo_artifacts import Artifacts
from cli.demo_world import Seat, World
from cli.errors import ServiceSilent, StoryBroken
from enrollment import ledger
from enrollment.events import EventKind
from enrollment.person import PersonId
from pki.certificate import Certificate
from pki.purpose import Purpose


def on_card(seat: Seat, purpose: Purpose) -> bytes:
    """The certificate on the seat's card. Errors: StoryBroken without one."""
    octets = seat.slot.read(purpose)
    if octets is None:
        raise StoryBroken("certificates-on-card")
    return octets


@dataclass(frozen=True, slots=True)
class Sight:
    """Looks at the world; what it is shown for the first time is kept as an artifact."""

    world: World
    artifacts: Artifacts
    issuers: Mapping[Purpose, bytes]

    def verdict(self, document: bytes, signature: bytes, **more: object) -> dict[str, Any]:
        """What the service says of a signed document."""
        body = {
            "document": base64.b64encode(document).decode(),
            "signature": base64.b64encode(signature).decode(),
            **more,
        }
        response = self.world.http.post("/v1/verifications", json=body)
        response.raise_for_status()
        verdict: dict[str, Any] = response.json()
        return verdict

    def published(self, purpose: Purpose, revoked: set[int]) -> bytes:
        """The service's CRL, as soon as it lists what was revoked: the loss is urgent, so that takes seconds."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            octets = self._get(f"/crl/{purpose.value}-1.crl")
            if revoked <= {entry.serial_number for entry in x509.load_der_x509_crl(octets)}:
                return octets
            time.sleep(0.1)
        raise ServiceSilent(f"a CRL that lists the {purpose.value} certificates")

    def _get(self, path: str) -> bytes:
        response = self.world.http.get(path)
        response.raise_for_status()
        return response.content

    def ask_ocsp(self, name: str | None, certificate: Certificate) -> str:
        """What OCSP says now: `good`, or `revoked` and the reason. The first answers are kept as artifacts."""
        purpose = Purpose.AUTHENTICATION if certificate == self.authentication() else Purpose.SIGNATURE
        issuer = Certificate(self.issuers[purpose])
        request = (
            ocsp.OCSPRequestBuilder().add_certificate(certificate.x509, issuer.x509, hashes.SHA1()).build()  # noqa: S303
        ).public_bytes(serialization.Encoding.DER)
        response = self.world.http.post(
            f"/ocsp/{purpose.value}-1", content=request, headers={"Content-Type": "application/ocsp-request"}
        )
        response.raise_for_status()
        if name is not None:
            self.artifacts.ocsp(name, request, response.content)
        answer = ocsp.load_der_ocsp_response(response.content)
        self.artifacts.responder(purpose, answer)
        if answer.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            reason = answer.revocation_reason
            return f"revoked {reason.value if reason else 'unspecified'}"
        return answer.certificate_status.name.lower()

    def authentication(self) -> Certificate:
        """The authentication certificate on the first person's card."""
        return Certificate(on_card(self.world.seats[0], Purpose.AUTHENTICATION))

    def distance(self, person: PersonId) -> int:
        """Remote changes since the last check in person, as the ledger counts them."""
        return self.world.database.read(
            lambda conn: ledger.judge(conn, person, EventKind.REMOTE_MOVE, self.world.clock.now())
        ).used

    def state(self, person: PersonId, signature: Certificate) -> tuple[object, ...]:
        """Everything that a refusal must not change: ledger, certificate on the card, its status."""
        events = self.world.database.read(lambda conn: ledger.history(conn, person))
        return (
            [event.event for event in events],
            on_card(self.world.seats[0], Purpose.SIGNATURE),
            self.ask_ocsp(None, signature),
        )
