"""The demonstration's registered relying parties: what a library and a city hall are told of the same filing."""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cli.demo_world import World
from cli.party_sandbox import KID, make_sandbox
from pki.instant import Instant
from web.parties import Parties, make_assertion


@dataclass(frozen=True, slots=True)
class Counters:
    """The two sandbox parties, and the door that answers nobody else."""

    url: str
    keys: dict[str, Path]

    def verdicts(self, document: bytes, signature: bytes, evidence: object, at: Instant) -> dict[str, dict[str, Any]]:
        """What each party is told, by party: the same verdict, and a handle of the person that is its own.

        `evidence`: what the party has at hand, an OCSP answer of this minute among it.
        """
        body = json.dumps(
            {
                "document": base64.b64encode(document).decode(),
                "signature": base64.b64encode(signature).decode(),
                "evidence": evidence,
                "affairs": "申請の受付",
                "required_assurance": "within-cap",
            },
            ensure_ascii=False,
        ).encode()
        with httpx.Client(base_url=self.url, timeout=30) as http:
            return {party: self._asked(http, party, body, at) for party in self.keys}

    def _asked(self, http: httpx.Client, party: str, body: bytes, at: Instant) -> dict[str, Any]:
        key = load_pem_private_key(self.keys[party].read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey), "as make_sandbox makes them"

        def sign(message: bytes) -> bytes:
            r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)

        assertion = make_assertion(party, KID, self.url, body, at, os.urandom(16).hex(), "ES256", sign)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {assertion}"}
        answer: dict[str, Any] = http.post("/v1/verifications", content=body, headers=headers).raise_for_status().json()
        return answer


def open_counters(world: World) -> Counters:
    """Register both parties, and start a process that verifies for registered parties only.

    The service of the story goes on beside it with its open door, as before. Errors: ServiceSilent.
    """
    from cli.party import ensure_handle_key

    ensure_handle_key(world.settings)
    keys = make_sandbox(world.settings, Parties(world.database, world.settings.public_url), world.clock.now())
    return Counters(world.start("parties", "--role", "relying-party", "--listen", "127.0.0.1:0"), keys)
