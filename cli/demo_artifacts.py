"""The files that the demonstration leaves for other programs to judge."""

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as x509_ocsp

from enrollment.canonical import Json
from pki.purpose import Purpose


class Artifacts:
    """Writes below one folder, each file whole; names are those of the contract in README.md."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def _write(self, name: str, octets: bytes) -> None:
        path = self._out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(octets)
        partial.replace(path)

    def authority(self, purpose: Purpose, der: bytes) -> None:
        """`ca/signature-ca.cer`, `ca/authentication-ca.cer`."""
        self._write(f"ca/{purpose.value}-ca.cer", der)

    def certificate(self, person: int, name: str, der: bytes) -> None:
        """`people/1/signature-1.cer` and its like."""
        self._write(f"people/{person}/{name}", der)

    def filing(self, document: bytes, signature: bytes) -> None:
        """`people/1/filing-1.txt` and `.p7s`."""
        self._write("people/1/filing-1.txt", document)
        self._write("people/1/filing-1.p7s", signature)

    def verdict(self, name: str, verdict: dict[str, Any]) -> None:
        """A report of the relying party's side."""
        self._write(f"people/1/{name}", (json.dumps(verdict, ensure_ascii=False, indent=2) + "\n").encode())

    def ocsp(self, name: str, request: bytes, response: bytes) -> None:
        """`ocsp/good.req.der`, `ocsp/good.resp.der` and their like."""
        self._write(f"ocsp/{name}.req.der", request)
        self._write(f"ocsp/{name}.resp.der", response)

    def responder(self, purpose: Purpose, answer: x509_ocsp.OCSPResponse) -> None:
        """`ocsp/signature-responder.cer`: the delegate whose certificate came with an answer."""
        self._write(f"ocsp/{purpose.value}-responder.cer", answer.certificates[0].public_bytes(Encoding.DER))

    def history(self, person: int, document: Json) -> None:
        """`people/1/history.json`: who looked, and the ledger, each record with the proof that it was logged."""
        octets = (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()
        self._write(f"people/{person}/history.json", octets)

    def crl(self, purpose: Purpose, der: bytes) -> None:
        """`crl/signature.crl`, `crl/authentication.crl`."""
        self._write(f"crl/{purpose.value}.crl", der)
