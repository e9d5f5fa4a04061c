"""What officers' cards sign besides log-ins: records, each kind behind a first line of its own.

An authentication key signs for many purposes. What it signed for one must be worth nothing for another: so each record
is signed behind its prefix, which ends with a zero octet. A log-in token is a signature over two hashes, 64 or 96
octets in all (`verifier.challenge`): no record is that short, and the first hash is of a site's address, so that
nobody chooses how it begins. An HTTP request's signature base begins with a quoted name (RFC 9421 2.5).
"""

from typing import Final

ACT: Final = b"jitsuin act v1\0"
"""Before an act (`enrollment.act`)."""
EVIDENCE: Final = b"jitsuin in-person evidence v1\0"
"""Before what an officer saw of a person (`enrollment.evidence`)."""
SHORTEST: Final = 128
"""Octets of the shortest record that is signed, its prefix included: longer than any log-in's message."""
