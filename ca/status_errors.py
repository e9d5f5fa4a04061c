"""What can go wrong around revocation, CRLs, OCSP and the journal.

AuthorityError
└── StatusError
    ├── NeverIssued             no certificate of this serial was ever ordered here
    ├── ReasonNotAllowed        this reason is not for this caller
    ├── InvalidityInFuture      an invalidity date after the revocation
    ├── HoldIsFinal             the policy never releases a hold
    ├── NotOnHold               a release of what is not held
    ├── CrlNumberTaken          another instance took the number (Retryable)
    ├── NoBaseCrl               a delta without a full CRL before it
    ├── PublicationRefused      the publisher will not publish this CRL
    ├── ShelfUnavailable        the store of published CRLs does not answer (Retryable)
    ├── ResponderUnusable       a responder certificate that may not sign OCSP answers now
    ├── LeaseLost               another instance took over
    ├── JournalBroken           the journal's chain does not hold
    └── RestoredDatabase        the database is older than the journal, or another one
"""

from dataclasses import dataclass

from ca.errors import AuthorityError
from pki.errors import Retryable


class StatusError(AuthorityError):
    """Whatever goes wrong around the status of certificates."""

    code = "ca.status"
    why = "the status of certificates cannot be changed or told"


@dataclass(eq=False)
class NeverIssued(StatusError):
    """`serial` of `authority` was never ordered: revoking it would say that it exists."""

    code = "ca.never-issued"
    why = "{authority} never issued the serial {serial}"
    todo = "Compare the serial number: hexadecimal begins with 0x."

    authority: str
    serial: str


@dataclass(eq=False)
class ReasonNotAllowed(StatusError):
    """`caller` may not revoke for the reason `asked`."""

    code = "ca.reason-not-allowed"
    why = "{caller} may not revoke for {asked}"
    todo = "Use another reason, or let somebody revoke who may use this one."

    caller: str
    asked: str


class InvalidityInFuture(StatusError):
    """An invalidity date says since when the key is suspect: never a time to come (RFC 5280 5.3.2)."""

    code = "ca.invalidity-in-future"
    why = "the invalidity date lies after the revocation"
    todo = "Give a date that has been."


class HoldIsFinal(StatusError):
    """The policy of this deployment never releases a hold (as JPKI's practice statement)."""

    code = "ca.hold-is-final"
    why = "a hold is never released here"
    todo = "Revoke the certificate and issue a new one."


@dataclass(eq=False)
class NotOnHold(StatusError):
    """Only a hold can be released; this certificate is `state`."""

    code = "ca.not-on-hold"
    why = "the certificate is {state}, not on hold"

    state: str


@dataclass(eq=False)
class CrlNumberTaken(StatusError, Retryable):
    """Another instance signed a CRL for `authority` and `partition` in between."""

    code = "ca.crl-number-taken"
    why = "another instance took the next CRL number of {authority}/{partition}"

    authority: str
    partition: str


@dataclass(eq=False)
class NoBaseCrl(StatusError):
    """A delta CRL adds to a full one that must have been published."""

    code = "ca.no-base-crl"
    why = "{authority}/{partition} has no published full CRL that a delta could add to"
    todo = "Publish a full CRL first."

    authority: str
    partition: str


@dataclass(eq=False)
class PublicationRefused(StatusError):
    """The publisher re-verified the CRL for `name` and found `fault`; nothing was replaced."""

    code = "ca.publication-refused"
    why = "the CRL for {name} is not published: {fault}"
    todo = "Look at the journal and at what is published; do not delete either."

    name: str
    fault: str


@dataclass(eq=False)
class ResponderUnusable(StatusError):
    """The responder certificate of `authority` may not sign: `fault`. The authority's own key never steps in."""

    code = "ca.responder-unusable"
    why = "no OCSP answer for {authority} can be signed: {fault}"
    todo = "Renew the responder's certificate."

    authority: str
    fault: str


@dataclass(eq=False)
class LeaseLost(StatusError, Retryable):
    """The lease `name` is held by another instance."""

    code = "ca.lease-lost"
    why = "another instance holds the lease {name}"

    name: str


@dataclass(eq=False)
class ShelfUnavailable(StatusError, Retryable):
    """The store that CRLs are published in failed; `what` is the kind of failure."""

    code = "ca.shelf-unavailable"
    why = "the store of published CRLs does not answer ({what})"
    todo = "See whether the store is up and the access key still good; publishing is tried again by itself."

    what: str


@dataclass(eq=False)
class JournalBroken(StatusError):
    """The journal's chain does not hold at `position`."""

    code = "ca.journal-broken"
    why = "the revocation journal is damaged at entry {position}: {fault}"
    todo = "Restore the journal from its copies; compare the digests."

    position: int
    fault: str


@dataclass(eq=False)
class RestoredDatabase(StatusError):
    """The database ends at `database_position`, while the journal knows `journal_position` entries."""

    code = "ca.restored-database"
    why = "the database (entry {database_position}) does not continue the journal (entry {journal_position})"
    todo = "Run `jitsuin ca restore` to replay the journal into the database; until then no status is told."

    database_position: int
    journal_position: int
