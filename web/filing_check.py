"""The verifier with everything a deployment hands it: anchors by purpose, policy, and who may go out to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ca.orders import Assurance
from pki.instant import Instant
from pki.purpose import Purpose
from verifier.cades import Document
from verifier.challenge import Token
from verifier.evidence import Evidence
from verifier.fetch import Fetcher
from verifier.judge import Trust
from verifier.policy import Policy, ProofOfExistence
from verifier.report import Report
from verifier.verify import verify_filing, verify_login


@dataclass(frozen=True, slots=True)
class FilingCheck:
    """One deployment's way to verify. Safe for threads; stateless but for what `fetcher` and `random` keep."""

    trust: Mapping[Purpose, Trust]
    """Separate anchors for signatures and for log-ins."""
    policy: Mapping[Purpose, Policy]
    fetcher: Fetcher | None
    """None: never goes out; everything must be handed in."""
    random: Callable[[int], bytes] | None
    """For OCSP nonces; None sends none."""
    issued: Mapping[str, Assurance] = field(default_factory=dict)
    """Certificate policy → how the person was checked when such a certificate was issued."""

    def issuance_of(self, report: Report) -> Assurance | None:
        """How the signer's certificate was issued, as the policies of its whole path say; None if they do not say."""
        said = {self.issued[policy] for policy in report.certificate_policies if policy in self.issued}
        return said.pop() if len(said) == 1 else None

    def filing(
        self,
        document: Document | None,
        signature: bytes | None,
        at: Instant,
        *,
        policy: Policy | None = None,
        evidence: Evidence | None = None,
        proof: ProofOfExistence | None = None,
        first_time: Callable[[bytes], bool] | None = None,
        online: bool = True,
    ) -> Report:
        """The verdict on a filing. `online` False judges by the evidence alone, as for a time in the past."""
        policy = policy or self.policy[Purpose.SIGNATURE]
        return verify_filing(
            document,
            signature,
            anchors=self.trust[policy.purpose],
            policy=policy,
            at=at,
            evidence=evidence,
            fetcher=self.fetcher if online else None,
            random=self.random,
            proof=proof,
            first_time=first_time,
        )

    def login(self, token: Token, origin: str, nonce: str, at: Instant) -> Report:
        """The verdict on a log-in token."""
        return verify_login(
            token,
            origin=origin,
            nonce=nonce,
            anchors=self.trust[Purpose.AUTHENTICATION],
            policy=replace(self.policy[Purpose.AUTHENTICATION], purpose=Purpose.AUTHENTICATION),
            at=at,
            fetcher=self.fetcher,
            random=self.random,
        )
