"""A whole filing, side by side: CMS signature over 10 kB, path of three certificates, OCSP answer, CRL; ours, pyHanko.

    python -m bench.verify [--rounds 5] [--filings 30]

Every filing has a signer of its own. "cold": nothing was seen before. "cached": the CA and its responder were checked
before, signer and answer were not. Processor time of one thread; the engines take turns round by round.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version

from asn1crypto import cms as asn1_cms
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko_certvalidator import ValidationContext

from bench.path import forget
from pki.compiled import modules
from tests.verifier.filing_world import (
    AT,
    SIGNATURE_POLICY,
    Holder,
    World,
    build_world,
    issue,
    policy_of,
    responder_for,
    root,
    rsa_key,
    sign_filing,
    signature_certificate,
    usage,
)
from verifier.anchors import anchor_of
from verifier.evidence import Evidence
from verifier.judge import Trust
from verifier.policy import Policy
from verifier.verify import verify_filing

DOCUMENT = bytes(range(256)) * 40


@dataclass(frozen=True)
class Filing:
    """One filing with everything that a verifier needs."""

    signature: bytes
    ocsp: bytes


@dataclass(frozen=True)
class Office:
    """A root, an issuing CA, and filings of many people."""

    root: bytes
    issuer: bytes
    crl: bytes
    """Of the root, for the issuing CA: pyHanko asks a CRL about CAs."""
    filings: tuple[Filing, ...]


def make_office(filings: int) -> Office:
    """Everything RSA-2048, as cards are today; one key serves all signers, for making keys is not measured."""
    top = root("Root", rsa_key("root"))
    ca_extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (usage("key_cert_sign", "crl_sign"), True),
        (policy_of(SIGNATURE_POLICY), True),
    ]
    ca = issue("Issuing CA", rsa_key("issuer"), top, ca_extensions)
    world: World = build_world()
    of_ca = responder_for(ca, "Responder")
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(top.certificate.x509.subject)
        .last_update(AT.datetime)
        .next_update((AT + timedelta(days=7)).datetime)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(top.key.public_key()), critical=False)
        .sign(top.key, hashes.SHA256())
    )

    def filing(number: int) -> Filing:
        person: Holder = signature_certificate(f"person {number}", ca, rsa_key("person"))
        answer = world.ocsp_answer(person, AT, issuer=ca, responder=of_ca)
        return Filing(sign_filing(person, DOCUMENT), answer)

    return Office(
        top.certificate.der,
        ca.certificate.der,
        crl.public_bytes(Encoding.DER),
        tuple(filing(number) for number in range(filings)),
    )


def ours(office: Office, *, cached: bool) -> Callable[[Filing], None]:
    """Our verifier."""
    policy = Policy(certificate_policies=frozenset({SIGNATURE_POLICY}))
    kept = Trust([anchor_of(office.root)])

    def run(filing: Filing) -> None:
        if not cached:
            forget()
        trust = kept if cached else Trust([anchor_of(office.root)])
        evidence = Evidence((office.issuer,), (office.crl,), (filing.ocsp,))
        report = verify_filing(DOCUMENT, filing.signature, anchors=trust, policy=policy, at=AT, evidence=evidence)
        if not report.passed:
            raise AssertionError(report.reason)

    if cached:
        run(office.filings[-1])
    return run


def pyhanko(office: Office) -> Callable[[Filing], None]:
    """pyHanko, offline, revocation required, with a context for each filing as its documentation has it."""
    loop = asyncio.new_event_loop()

    def run(filing: Filing) -> None:
        context = ValidationContext(
            trust_roots=[asn1_x509.Certificate.load(office.root)],
            other_certs=[asn1_x509.Certificate.load(office.issuer)],
            crls=[asn1_crl.CertificateList.load(office.crl)],
            ocsps=[asn1_ocsp.OCSPResponse.load(filing.ocsp)],
            moment=AT.datetime,
            allow_fetching=False,
            revocation_mode="require",
        )
        signed = asn1_cms.ContentInfo.load(filing.signature)["content"]
        status = loop.run_until_complete(
            async_validate_detached_cms(DOCUMENT, signed, signer_validation_context=context)
        )
        if not status.bottom_line:
            raise AssertionError

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Whole filings side by side.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--filings", type=int, default=30)
    asked = parser.parse_args()
    print(f"pyHanko {version('pyhanko')}, cryptography {version('cryptography')};", end=" ")
    print(f"of ours {sum(1 for _ in modules())} modules are compiled")
    print(
        f"µs of processor time a filing of {len(DOCUMENT)} octets, median of {asked.rounds} rounds of {asked.filings}"
    )
    office = make_office(asked.filings * asked.rounds + 1)
    engines = {"ours, cold": ours(office, cached=False), "ours, cached": ours(office, cached=True),
               "pyHanko": pyhanko(office)}  # fmt: skip
    found: dict[str, list[float]] = {label: [] for label in engines}
    for number in range(asked.rounds):
        spent: dict[str, list[int]] = {label: [] for label in engines}
        for label, run in engines.items():
            for filing in office.filings[number * asked.filings : (number + 1) * asked.filings]:
                started = time.thread_time_ns()
                run(filing)
                spent[label].append(time.thread_time_ns() - started)
        for label, times in spent.items():
            found[label].append(statistics.median(times) / 1000)
    medians = {label: statistics.median(values) for label, values in found.items()}
    for label, value in medians.items():
        print(f"{label:14} {value:8.0f}   ({min(found[label]):.0f}..{max(found[label]):.0f})   {1e6 / value:6.0f}/s")
    print(f"cold {medians['pyHanko'] / medians['ours, cold']:.1f} × pyHanko (wanted: 5)")
    print(f"cached {medians['pyHanko'] / medians['ours, cached']:.1f} × pyHanko (wanted: 12)")


if __name__ == "__main__":
    main()
