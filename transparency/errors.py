"""Errors of the log.

Error (pki)
└── TransparencyError
    ├── BadProof               a proof that does not lead to the root
    ├── BadNote                a signed note that is none, or whose signature is wrong
    ├── ForkDetected           two checkpoints that no single log can have
    ├── LogBehind              the store is older than what was published
    ├── ClockStepped           the present lies before the last checkpoint
    ├── UnknownLog             a witness does not follow that log
    ├── BadSubmission          what was posted to a witness is no submission
    ├── NotSeenLast            the witness cosigned another size last
    ├── WitnessRefused         a witness did not cosign
    └── NotFound               no such entry, tile or checkpoint
"""

from dataclasses import dataclass

from pki.errors import Error


class TransparencyError(Error):
    """Base of this package's errors."""

    code = "transparency.error"


@dataclass(eq=False)
class BadProof(TransparencyError):
    """The proof has the wrong length, or the hashes do not lead to the root."""

    code = "transparency.bad-proof"
    why = "the proof does not hold: {what}"
    todo = "Do not believe this log's answer; ask its owner, and keep both checkpoints as evidence."

    what: str


@dataclass(eq=False)
class BadNote(TransparencyError):
    """Octets that are no signed note, or a note without a good signature by the key that was asked for."""

    code = "transparency.bad-note"
    why = "the signed note cannot be believed: {what}"
    todo = "Fetch it again; if it stays so, do not believe it and tell the log's owner."

    what: str


@dataclass(eq=False)
class ForkDetected(TransparencyError):
    """Two checkpoints of one origin that cannot both belong to one append-only log."""

    code = "transparency.fork"
    why = "two checkpoints of {origin} contradict each other (sizes {one} and {other})"
    todo = "Keep both checkpoints: together they prove that the log was rewritten. Tell its owner and the auditors."

    origin: str
    one: int
    other: int


@dataclass(eq=False)
class LogBehind(TransparencyError):
    """The store holds fewer entries than a checkpoint that was already published: a restored backup, most likely."""

    code = "transparency.log-behind"
    why = "the log of {origin} holds {held} entries, but {published} were already published"
    todo = "Restore the newer store, or replay the entries; nothing is signed until then."

    origin: str
    held: int
    published: int


@dataclass(eq=False)
class ClockStepped(TransparencyError):
    """The clock shows a time before the last checkpoint's."""

    code = "transparency.clock-stepped"
    why = "the clock went back before the last checkpoint"
    todo = "Set the machine's clock right."


@dataclass(eq=False)
class NotFound(TransparencyError):
    """Nothing of that name or number."""

    code = "transparency.not-found"
    why = "there is no {what}"
    todo = "Check the number or the name."

    what: str


@dataclass(eq=False)
class UnknownLog(TransparencyError):
    """The witness does not follow the log of that name."""

    code = "transparency.unknown-log"
    why = "this witness does not follow that log"
    todo = "Give the witness's operator the log's verifier key."


@dataclass(eq=False)
class BadSubmission(TransparencyError):
    """Octets that are no add-checkpoint request."""

    code = "transparency.bad-submission"
    why = "that is no submission to a witness: {what}"
    todo = "See c2sp.org/tlog-witness for its form."

    what: str


@dataclass(eq=False)
class NotSeenLast(TransparencyError):
    """The submission starts from another size than the one that the witness cosigned last."""

    code = "transparency.not-seen-last"
    why = "this witness cosigned {size} entries last"
    todo = "Send the proof from that size on."

    size: int


@dataclass(eq=False)
class WitnessRefused(TransparencyError):
    """A witness did not cosign, or could not be reached."""

    code = "transparency.witness-refused"
    why = "{witness} did not cosign: {what}"
    todo = (
        "If it says that it cosigned more than was published, keep everything and find out why; else ask again later."
    )

    witness: str
    what: str
