"""What an authority refuses, and what can go wrong around its keys.

AuthorityError
├── RequestRefused            the certificate asked for will not be made
│   ├── MalformedRequest      not a certification request that we read
│   ├── PossessionNotProven   the request's signature is not by its own key
│   ├── WeakKey               a key that could be broken, or is not of the profile's kind
│   ├── KeyBlocked            a key on the list of compromised keys
│   ├── KeyAlreadySeen        a key that belongs to another person, card or use
│   ├── ProfileMismatch       the order lacks what the profile needs, or says what it forbids
│   ├── TooYoung              no signature certificate below the profile's age
│   ├── NothingLeftToCertify  every limit of the validity lies in the past
│   └── OutlivesAuthority     the certificate would end after its issuer
├── IdempotencyConflict       the same idempotency key with another order
├── LintFailed                the built certificate breaks rules; nothing is signed
├── SignatureMismatch         the signed octets are not the linted ones, or the signature is wrong
├── WrongState                a transition that the table does not have
├── UnknownIntent, UnknownAuthority, NoActiveAuthority, NoActiveResponder
├── KeyStoreError
│   ├── KeyUnavailable        no such key, or its token is gone
│   ├── KeyExists             the label is taken
│   ├── WrongPassphrase       the store cannot be opened with what was given
│   ├── NotEnoughCustodians   fewer shares than the store asks for
│   ├── KeyFileDamaged        a file of the store was altered or cut short
│   ├── KeyNotProtected       a token's key that could leave it
│   └── TokenError            the token refused
├── StatusError …             revocation, CRLs, OCSP, journal: drawn in ca/status_errors.py
└── CeremonyError
    ├── CeremonyFileWrong     the reviewed file does not say one clear thing
    ├── ApprovalMissing       fewer custodians approved than it asks for
    └── CeremonyDiverged      the world is no longer as the reviewed file says
"""

from dataclasses import dataclass

from pki.errors import Error


class AuthorityError(Error):
    """Whatever an authority refuses or fails at."""

    code = "ca.error"
    why = "the authority cannot do this"


class RequestRefused(AuthorityError):
    """The certificate asked for will not be made; asking again changes nothing."""

    code = "ca.refused"
    why = "the certificate asked for will not be made"


@dataclass(eq=False)
class MalformedRequest(RequestRefused):
    """`what` tells which part of the PKCS#10 request cannot be read."""

    code = "ca.malformed-request"
    why = "the certification request cannot be read: {what}"
    todo = "Send a PKCS#10 request in DER with one key and one signature."

    what: str


class PossessionNotProven(RequestRefused):
    """The request's signature does not verify with the key inside."""

    code = "ca.possession-not-proven"
    why = "the request is not signed by the key that it asks to certify"
    todo = "Sign the request with the new private key."


@dataclass(eq=False)
class WeakKey(RequestRefused):
    """`weakness` names the test that the key failed, never the key."""

    code = "ca.weak-key"
    why = "the public key is refused: {weakness}"
    todo = "Make a new key pair of the kind that the profile names."

    weakness: str


@dataclass(eq=False)
class KeyBlocked(RequestRefused):
    """The key is on the list of compromised keys; `listed_for` says why."""

    code = "ca.key-blocked"
    why = "the public key is known to be compromised ({listed_for})"
    todo = "Make a new key pair."

    listed_for: str


@dataclass(eq=False)
class KeyAlreadySeen(RequestRefused):
    """The key was certified before; `difference` says what differs: person, card or use."""

    code = "ca.key-already-seen"
    why = "the public key already belongs to another {difference}"
    todo = "Make a new key pair on this card."

    difference: str


@dataclass(eq=False)
class ProfileMismatch(RequestRefused):
    """The order cannot be met under `profile`: `what` says why."""

    code = "ca.profile-mismatch"
    why = "the order does not fit the profile {profile}: {what}"
    todo = "Correct the order."

    profile: str
    what: str


@dataclass(eq=False)
class TooYoung(RequestRefused):
    """Signature certificates are for people of at least `minimum_age` years."""

    code = "ca.too-young"
    why = "a signature certificate is issued from the age of {minimum_age} years"
    todo = "Issue the authentication certificate only."

    minimum_age: int


class NothingLeftToCertify(RequestRefused):
    """The card, or the certificate that this one may not outlive, has already ended."""

    code = "ca.nothing-left-to-certify"
    why = "the certificate would end before it begins"
    todo = "Renew the card first."


@dataclass(eq=False)
class OutlivesAuthority(RequestRefused):
    """The authority is too old for this lifetime: it must be followed by a new generation."""

    code = "ca.outlives-authority"
    why = "the certificate would end after its issuer {authority}"
    todo = "Create a new generation of the authority in a ceremony."

    authority: str


class IdempotencyConflict(AuthorityError):
    """The same idempotency key came with another order."""

    code = "ca.idempotency-conflict"
    why = "this idempotency key was used for another order"
    todo = "Use a new idempotency key for a new order."


@dataclass(eq=False)
class LintFailed(AuthorityError):
    """The built certificate breaks `rules`; it was not signed."""

    code = "ca.lint-failed"
    why = "the certificate breaks {rules}; nothing was signed"
    todo = "This is a fault of the profile or its parameters: correct them."

    rules: str


@dataclass(eq=False)
class SignatureMismatch(AuthorityError):
    """What came back from the key is not a right signature over the linted octets."""

    code = "ca.signature-mismatch"
    why = "what was signed for {authority} is not what was linted"
    todo = "Stop the signer and examine the key store."

    authority: str


@dataclass(eq=False)
class WrongState(AuthorityError):
    """`event` is not possible in `state`."""

    code = "ca.wrong-state"
    why = "{event} is not possible: {what} is {state}"

    what: str
    state: str
    event: str


class UnknownIntent(AuthorityError):
    """No intent of this id."""

    code = "ca.unknown-intent"
    why = "there is no such intent"


@dataclass(eq=False)
class UnknownAuthority(AuthorityError):
    """No authority of this id."""

    code = "ca.unknown-authority"
    why = "there is no authority {authority}"

    authority: str


@dataclass(eq=False)
class NoActiveAuthority(AuthorityError):
    """No generation takes orders for `purpose`."""

    code = "ca.no-active-authority"
    why = "no authority takes orders for {purpose}"
    todo = "Create one in a ceremony."

    purpose: str


@dataclass(eq=False)
class NoActiveResponder(AuthorityError):
    """The authority has no OCSP signer that is valid now. The authority's own key never steps in."""

    code = "ca.no-active-responder"
    why = "the authority {authority} has no valid OCSP responder certificate"
    todo = "Renew the responder's certificate."

    authority: str


class KeyStoreError(AuthorityError):
    """Something about private keys."""

    code = "ca.key-store"
    why = "the key store cannot do this"


@dataclass(eq=False)
class KeyUnavailable(KeyStoreError):
    """No key of this label can be used now."""

    code = "ca.key-unavailable"
    why = "the key {label} cannot be used"
    todo = "Check that the key store is the right one and its token is present."

    label: str


@dataclass(eq=False)
class KeyExists(KeyStoreError):
    """A key of this label is already there; keys are never overwritten."""

    code = "ca.key-exists"
    why = "there is already a key {label}"

    label: str


class WrongPassphrase(KeyStoreError):
    """The store does not open with this passphrase (or its header was altered: the two cannot be told apart)."""

    code = "ca.wrong-passphrase"
    why = "the key store does not open with this passphrase"
    todo = "Try the right passphrase."


@dataclass(eq=False)
class NotEnoughCustodians(KeyStoreError):
    """`given` custodians came, `needed` are needed."""

    code = "ca.not-enough-custodians"
    why = "{given} of {needed} custodians are here"
    todo = "Call the others."

    given: int
    needed: int


@dataclass(eq=False)
class KeyFileDamaged(KeyStoreError):
    """A file of the store does not authenticate."""

    code = "ca.key-file-damaged"
    why = "the file {file} of the key store was altered or cut short"
    todo = "Restore it from a backup."

    file: str


@dataclass(eq=False)
class KeyNotProtected(KeyStoreError):
    """A key on a token that could be taken off it; `what` names the attribute."""

    code = "ca.key-not-protected"
    why = "the key {label} on the token is not protected: {what}"
    todo = "Make a new key on the token; do not use this one."

    label: str
    what: str


@dataclass(eq=False)
class TokenError(KeyStoreError):
    """The token refused; `what` is the name of its answer."""

    code = "ca.token-error"
    why = "the token refused: {what}"

    what: str


class CeremonyError(AuthorityError):
    """Something about a ceremony."""

    code = "ca.ceremony"
    why = "the ceremony cannot go on"


@dataclass(eq=False)
class CeremonyFileWrong(CeremonyError):
    """The reviewed file is wrong at `key`."""

    code = "ca.ceremony-file-wrong"
    why = "{key}: {what}"
    todo = "Correct the file and have it reviewed again."

    key: str
    what: str


@dataclass(eq=False)
class ApprovalMissing(CeremonyError):
    """`given` valid approvals of this very file, `needed` are needed."""

    code = "ca.approval-missing"
    why = "{given} of {needed} custodians approved this file"
    todo = "Let the other custodians sign the digest of the file."

    given: int
    needed: int


@dataclass(eq=False)
class CeremonyDiverged(CeremonyError):
    """The world is not as the reviewed file expects: `what`."""

    code = "ca.ceremony-diverged"
    why = "step {step} cannot be done as reviewed: {what}"

    step: str
    what: str
