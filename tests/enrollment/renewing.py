"""A renewal from home as a test asks for it: P-256 keys, whose certificates last five birthdays, and both requests."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from enrollment.filing import RenewalFiling, VerifiedFiling, parse_filing
from enrollment.issuing import proven_request
from pki.instant import Instant, end_of_japanese_day
from pki.purpose import Purpose
from tests.enrollment.folder_card import FolderCard

SIGN, AUTH = Purpose.SIGNATURE, Purpose.AUTHENTICATION
END = end_of_japanese_day(date(2031, 2, 17))
"""The fifth birthday after `tests.enrollment.town.AT`."""
OPENS = Instant.of_japan(date(2030, 11, 17))
INSIDE = Instant.of_japan(date(2030, 11, 20), 12)
"""Within the last three months, and within five years of the check."""


class P256Card(FolderCard):
    """Keys of the variant whose certificates last five birthdays."""

    curve, digest = ec.SECP256R1(), hashes.SHA256()


def asked(office: Any, card: FolderCard, at: Instant = INSIDE) -> tuple[VerifiedFiling, dict[Purpose, bytes]]:
    """The filing as a verifier hands it on, with both requests."""
    requests = {purpose: proven_request(card, purpose) for purpose in Purpose}
    digests = [hashlib.sha256(requests[purpose]).hexdigest() for purpose in (SIGN, AUTH)]
    filing = RenewalFiling(office.random(16).hex(), *digests, at + timedelta(hours=1))
    assert parse_filing(filing.document()) == filing
    template = office.verified(card, requests[SIGN], "見本", at)
    return replace(template, filing=filing, document=filing.document()), requests
