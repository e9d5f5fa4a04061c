"""Errors of the verifier: for misuse, for what cannot be read, for what could not be fetched.

A bad signature or certificate is an answer (a `Report`), not an error: `verify_filing` raises none of these for
whatever octets it is given.

    VerifierError
    ├── FormatFailure            a signature that is not in its format (→ FORMAT_FAILURE in a report)
    ├── UnacceptableAlgorithm    a scheme that policy does not accept (→ CRYPTO_CONSTRAINTS_FAILURE)
    ├── UnacceptableKey          a key that policy does not accept (→ CRYPTO_CONSTRAINTS_FAILURE)
    ├── BudgetExhausted          more work than one request may cause (→ INDETERMINATE)
    ├── FetchRefused             an address that must not be asked
    ├── FetchFailed              a source that is down, slow, too large or answers nonsense
    ├── ChallengeRefused         a log-in challenge that is unknown, used, or too old
    └── TokenRefused             a log-in token that does not hold
"""

from __future__ import annotations

from dataclasses import dataclass

from pki.errors import Error


class VerifierError(Error):
    """Base of this package's errors."""

    code = "verifier.error"


@dataclass(eq=False)
class FormatFailure(VerifierError):
    """Octets that are not a signature in the format they claim; `clause` names the rule that was broken."""

    code = "verifier.format-failure"
    why = "the signature breaks its format: {what} ({clause})"
    todo = "Sign the document again with software that follows the format."

    what: str
    clause: str


@dataclass(eq=False)
class UnacceptableAlgorithm(VerifierError):
    """A signature or digest algorithm that is unknown, weak, or used with wrong parameters."""

    code = "verifier.unacceptable-algorithm"
    why = "{what}"
    todo = "Sign with SHA-256 or better."

    what: str


@dataclass(eq=False)
class UnacceptableKey(VerifierError):
    """A public key that is too weak, too large, or of a kind that is not accepted."""

    code = "verifier.unacceptable-key"
    why = "the signer has {what}, which is not accepted"
    todo = "Sign with a card whose keys are accepted."

    what: str


@dataclass(eq=False)
class BudgetExhausted(VerifierError):
    """A bound of `budget.Budget` was reached before an answer was found; nothing is said about the certificate."""

    code = "verifier.budget-exhausted"
    why = "the check was ended after too many {what}"
    todo = "Send only the certificates and the evidence that belong to the path."

    what: str


@dataclass(eq=False)
class FetchRefused(VerifierError):
    """An address outside the allow-list, or one that leads to a private network."""

    code = "verifier.fetch-refused"
    why = "{host} is not asked: {cause}"
    todo = "Allow the host in the settings if it belongs to the trust anchor."

    host: str
    cause: str


@dataclass(eq=False)
class FetchFailed(VerifierError):
    """A source that could not be reached or did not answer properly in time."""

    code = "verifier.fetch-failed"
    why = "{host} did not answer: {cause}"
    todo = "Try again later."

    host: str
    cause: str


@dataclass(eq=False)
class ChallengeRefused(VerifierError):
    """A challenge that was never handed out here, was used before, or is too old."""

    code = "verifier.challenge-refused"
    why = "the challenge is {state}"
    todo = "Ask for a new challenge and sign that one."

    state: str


@dataclass(eq=False)
class TokenRefused(VerifierError):
    """A log-in token that does not hold; `check` names the check that failed."""

    code = "verifier.token-refused"
    why = "the log-in did not hold at the check {check}: {cause}"
    todo = "Log in again with the user authentication certificate of a valid card."

    check: str
    cause: str
