"""Errors about consents and unfinished verifications of relying parties; the tree is on top of errors.py.

WebError
├── ConsentRefused   what was handed in is no consent that counts
└── NoVerdict        the verification came to no verdict; it has to be asked anew
"""

from __future__ import annotations

from dataclasses import dataclass

from web.errors import WebError


@dataclass(eq=False)
class ConsentRefused(WebError):
    """`cause`: which of the conditions is not met; nothing about the person."""

    code = "web.consent-refused"
    why = "the consent does not count: {cause}"
    todo = "Ask the person for a new consent that names this party, the fields, the purpose and an end within a year."

    cause: str


@dataclass(eq=False)
class NoVerdict(WebError):
    """The process that verified ended before it was done, or what was sent could not be verified."""

    code = "web.no-verdict"
    why = "the verification ended without a verdict ({cause})"
    todo = "Send the request again with the same Idempotency-Key, or with a new one."

    cause: str
