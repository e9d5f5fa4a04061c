"""Log-in with a card: our challenge, the agent's token, our verifier's verdict (verifier/challenge.py)."""

from dataclasses import dataclass, replace

from pki.instant import Clock
from pki.purpose import Purpose
from verifier.challenge import Challenge, Challenges, parse_token
from verifier.errors import TokenRefused
from verifier.verify import verify_login
from web.filing_check import FilingCheck
from web.pages.sessions import Session


@dataclass(frozen=True, slots=True)
class CardLogin:
    """One realm's log-in. `policies`: the certificate policies that its cards must assert, operators' or people's.

    `origin` is this server's own, from its settings: never what a request says of itself.
    """

    check: FilingCheck
    policies: frozenset[str]
    origin: str
    challenges: Challenges
    clock: Clock

    def challenge(self, session: Session) -> Challenge:
        """What this session's card has to sign; an older challenge of the session is void."""
        return self.challenges.issue(session.handle, self.clock.now())

    def fingerprint(self, session: Session, token: str) -> str:
        """SHA-256 of the card's certificate, in hex, if everything holds: signature over our origin and this session's
        nonce, path, status, policy. The challenge is gone whatever comes of it.

        Errors: ChallengeRefused, Malformed, TokenRefused.
        """
        now = self.clock.now()
        nonce = self.challenges.take(session.handle, now)
        report = verify_login(
            parse_token(token),
            origin=self.origin,
            nonce=nonce,
            anchors=self.check.trust[Purpose.AUTHENTICATION],
            policy=replace(
                self.check.policy[Purpose.AUTHENTICATION],
                purpose=Purpose.AUTHENTICATION,
                certificate_policies=self.policies,
            ),
            at=now,
            fetcher=self.check.fetcher,
            random=self.check.random,
        )
        if not report.passed or report.signer is None:
            failed = next((check for check in report.checks if check.sub_indication is not None), None)
            raise TokenRefused(failed.name.value if failed else "format", str(report.sub_indication))
        return report.signer.fingerprint.hex()
