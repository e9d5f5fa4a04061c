"""Signed verdicts: a report as a JWS that a third party can check years later without asking anybody.

It follows ETSI TS 119 102-2 in what it says (indications as URNs, the policy, times, the signature's digest, the
evidence and its digest) and JAdES baseline in how it is signed (`x5c`, `x5t#S256`, `iat`, all of it signed). Two
questions can be asked of it: did this service say so (`check_verdict`), and was it right (`check_verdict` with the
document: everything is verified anew from the evidence inside, as of the time of the verdict).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import utils

from pki import oids
from pki.algorithms import algorithm_for
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from pki.purpose import Purpose
from verifier.errors import FormatFailure
from verifier.evidence import Evidence
from verifier.indication import Indication, SubIndication
from verifier.judge import Trust
from verifier.jws import read_jws
from verifier.jws_text import from_base64url, strict_json, to_base64url
from verifier.policy import Policy, SignatureLevel
from verifier.report import CheckName, Outcome, Report
from verifier.verify import verify_filing

TYPE: Final = "urn:etsi:019102-2:validationreport+json"
_OWN_BOOKS: Final = frozenset({CheckName.ASSURANCE.value, CheckName.REPLAY.value})
_ALGORITHMS: Final = {
    oids.SHA256_WITH_RSA: ("RS256", 0),
    oids.ECDSA_WITH_SHA256: ("ES256", 32),
    oids.ECDSA_WITH_SHA384: ("ES384", 48),
}


@dataclass(frozen=True, slots=True)
class VerdictSigner:
    """Who signs verdicts: a certificate with its chain, and its key's signature over a message (ECDSA: DER)."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    sign: Callable[[bytes], bytes]


def sign_verdict(
    report: Report,
    signature: bytes,
    signer: VerdictSigner,
    issued_at: Instant,
    issuer: str,
    told: Mapping[str, object] | None = None,
    policy: Policy | None = None,
) -> str:
    """A compact JWS over `report` and everything it was founded on.

    Shapes: `signature` is the file that was verified (for a document that encloses its signature: the document); only
    its digest goes in. `issuer` names this service. `told`: what goes in instead of the whole report, for a recipient
    who must not have the evidence; such a verdict tells who said so, and cannot be confirmed anew. `policy`: what was
    applied, so that whoever verifies anew asks the same question.
    Errors: InvalidValue for a key that JWS has no algorithm for.
    """
    algorithm, size = _ALGORITHMS.get(algorithm_for(signer.certificate.spki).oid, ("", 0))
    if not algorithm:
        raise InvalidValue("verdicts are signed with RSA, P-256 or P-384")
    header = {
        "alg": algorithm,
        "typ": "JOSE",
        "cty": TYPE,
        "iat": issued_at.seconds,
        "x5t#S256": to_base64url(signer.certificate.fingerprint).decode(),
        "x5c": [base64.b64encode(one.der).decode() for one in (signer.certificate, *signer.chain)],
    }
    claims = {
        "type": TYPE,
        "iss": issuer,
        "issued_at": issued_at.iso(),
        "main_indication": report.indication.urn,
        "sub_indications": [] if report.sub_indication is None else [report.sub_indication.urn],
        "signature_sha256": hashlib.sha256(signature).hexdigest(),
        "conditions": _conditions(policy or Policy(name=report.policy)),
        "report": report.to_json() if told is None else told,
    }
    message = to_base64url(_octets(header)) + b"." + to_base64url(_octets(claims))
    value = signer.sign(message)
    if size:
        r, s = utils.decode_dss_signature(value)
        value = r.to_bytes(size) + s.to_bytes(size)
    return (message + b"." + to_base64url(value)).decode()


def _conditions(policy: Policy) -> dict[str, object]:
    return {
        "policy": policy.name,
        "purpose": policy.purpose.value,
        "certificate_policies": sorted(policy.certificate_policies),
        "minimum_level": policy.minimum_level.value,
        "require_revocation_information": policy.require_revocation_information,
        "require_time_stamp_status": policy.require_time_stamp_status,
    }


def _policy_of(conditions: Mapping[str, Any]) -> Policy:
    """What `_conditions` wrote. Errors: KeyError, ValueError, TypeError."""
    return Policy(
        name=str(conditions["policy"]),
        purpose=Purpose(conditions["purpose"]),
        certificate_policies=frozenset(map(str, conditions["certificate_policies"])),
        minimum_level=SignatureLevel(conditions["minimum_level"]),
        require_revocation_information=bool(conditions["require_revocation_information"]),
        require_time_stamp_status=bool(conditions["require_time_stamp_status"]),
    )


def _octets(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class CheckedVerdict:
    """What a signed verdict says, once it was shown to come from the service."""

    issuer: str
    issued_at: Instant
    indication: Indication
    sub_indication: SubIndication | None
    at: Instant
    signature_sha256: str
    report: Mapping[str, Any]
    policy: Policy
    """What the service applied."""
    again: Report | None
    """The verification carried out anew from the evidence inside; None without the document."""

    @property
    def confirmed(self) -> bool | None:
        """Whether verifying anew says the same; None if that was not asked for."""
        if self.again is None:
            return None
        return (self.again.indication, self.again.sub_indication) == self._of_the_signature

    @property
    def _of_the_signature(self) -> tuple[Indication, SubIndication | None]:
        """The verdict without what only the recipient's own books say: replay and assurance cannot be asked anew."""
        doubts = {Outcome.FAILED.value, Outcome.INDETERMINATE.value}
        failing = [check for check in self.report["checks"] if check["outcome"] in doubts]
        rest = [check for check in failing if check["name"] not in _OWN_BOOKS]
        if len(rest) == len(failing):
            return self.indication, self.sub_indication
        for outcome in (Outcome.FAILED, Outcome.INDETERMINATE):
            for check in rest:
                if check["outcome"] == outcome:
                    return Indication(outcome.value), SubIndication(check["sub_indication"])
        return Indication.PASSED, None


def check_verdict(
    verdict: str,
    services: Sequence[Certificate],
    *,
    document: bytes | None = None,
    signature: bytes | None = None,
    trust: Trust | None = None,
    policy: Policy | None = None,
) -> CheckedVerdict:
    """Check a signed verdict offline.

    `services`: certificates of services that are believed to verify, pinned: the verdict must be signed by one of them.
    With `trust` and the signed files, everything is verified again as of the verdict's time from what it carries, by
    `policy`, or else by the one that the verdict says was applied.
    Errors: FormatFailure, for what is no verdict, another signer, or a value that does not hold.
    """
    if verdict.count(".") != 2 or "{" in verdict:
        raise FormatFailure("a verdict is one signature in its compact form", "RFC 7515 7.1")
    (candidate,) = read_jws(verdict.encode(), None, Policy(), Evidence())
    if not candidate.holds or candidate.signer is None:
        raise FormatFailure(candidate.findings.verdict[2] or "it holds no signature", "RFC 7515 5.2")
    if candidate.signer not in services:
        raise FormatFailure("it was signed by somebody who is not believed to verify", "TS 119 102-2 4.2")
    claims = strict_json(from_base64url(verdict.encode().split(b".")[1]))
    try:
        report, conditions = claims["report"], claims["conditions"]
        assert isinstance(report, dict)
        assert isinstance(conditions, dict)
        told = CheckedVerdict(
            str(claims["iss"]),
            Instant.parse(str(claims["issued_at"])),
            Indication(report["indication"]),
            None if report["sub_indication"] is None else SubIndication(report["sub_indication"]),
            Instant.parse(report["at"]),
            str(claims["signature_sha256"]),
            report,
            _policy_of(conditions),
            None,
        )
        consistent = claims["type"] == TYPE and claims["main_indication"] == told.indication.urn
    except (KeyError, ValueError, AssertionError, TypeError, InvalidValue) as bad:
        raise FormatFailure("it is not a verdict", "TS 119 102-2 4") from bad
    if not consistent:
        raise FormatFailure("the verdict contradicts the report inside it", "TS 119 102-2 4.3")
    if trust is None:
        return told
    return _verified_again(told, document, signature, trust, policy or told.policy)


def _verified_again(
    told: CheckedVerdict, document: bytes | None, signature: bytes | None, trust: Trust, policy: Policy
) -> CheckedVerdict:
    signed = signature if signature is not None else document
    if signed is None or hashlib.sha256(signed).hexdigest() != told.signature_sha256:
        raise FormatFailure("the verdict is about another signature", "TS 119 102-2 4.3.4")
    try:
        evidence = Evidence.from_json(told.report["evidence"])
    except (KeyError, Malformed) as bad:
        raise FormatFailure("the verdict does not carry its evidence", "TS 119 102-2 4.4") from bad
    if evidence.digest().hex() != told.report["evidence_sha256"]:
        raise FormatFailure("the evidence inside is not the one that is named", "TS 119 102-2 4.4")
    again = verify_filing(document, signature, anchors=trust, policy=policy, at=told.at, evidence=evidence)
    return replace(told, again=again)
