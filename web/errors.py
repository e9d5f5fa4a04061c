"""Errors of the faces themselves: who may ask what, how often, and about what.

WebError
├── NotAuthenticated     nobody we know asked, or the assertion does not hold
├── NotAllowed           a purpose, a field or an operation that the party is not registered for
├── QuotaExhausted       more requests than agreed
├── KeyMismatch          an idempotency key was used before for another request
├── StillRunning         the answer to that request is being made just now
├── NoSuchVerification   no verification of this party has that id, or it was deleted
├── NoSuchMessage        no message of this municipality has that id
├── NoSuchConversation   no conversation with a card has that id and waits for an answer
├── TooManyConversations the service carries as many as it will, with this card or in all
├── ConversationFailed   the card, or somebody on the way to it, answered what it should not
├── KeysSilent           the process with the cards' keys did not answer in time
├── NotPaired            no reader agent belongs to this session
├── ReaderSilent         the agent is paired, and does not answer
├── ReaderRefused        the agent, or the card in it, said no
├── CardNeeded           this is signed with the operator's card, and the session has none
├── NoSession            nobody is logged in, or not any more
├── FormRefused          a form that this page did not make, or whose session is another by now
├── NoSuchWork           no guided work of this office has that id
├── WorkRefused          the guided work is not where this step belongs
├── SigningSilent        nobody signs certificates just now
├── StatusUnsure         the database could not be asked for statuses
└── GlyphMissing         a document cannot be printed as it should read
"""

from __future__ import annotations

from dataclasses import dataclass

from pki.errors import Error


class WebError(Error):
    """Base of this package's errors."""

    code = "web.error"


@dataclass(eq=False)
class NotAuthenticated(WebError):
    """The request carries no assertion that holds; `cause` says which rule it breaks, not whose key it is."""

    code = "web.not-authenticated"
    why = "the request is not authenticated: {cause}"
    todo = "Send a fresh assertion that is signed with a registered key, as the documentation of the API shows."

    cause: str


@dataclass(eq=False)
class NotAllowed(WebError):
    """The party is not registered for this."""

    code = "web.not-allowed"
    why = "this relying party is not registered for {what}"
    todo = "Ask for less, or have the registration changed."

    what: str


@dataclass(eq=False)
class QuotaExhausted(WebError):
    """The agreed number of requests in this window is used up."""

    code = "web.quota-exhausted"
    why = "the {limit} requests a minute that were agreed are used up"
    todo = "Wait {seconds} seconds, or have the quota raised."

    limit: int
    seconds: int


@dataclass(eq=False)
class KeyMismatch(WebError):
    """The same idempotency key came with another request."""

    code = "web.idempotency-mismatch"
    why = "this Idempotency-Key was used for another request"
    todo = "Send a new key with a new request."


@dataclass(eq=False)
class StillRunning(WebError):
    """The same request is being answered at this moment."""

    code = "web.still-running"
    why = "the same request is being answered just now"
    todo = "Ask again in a moment with the same key."


@dataclass(eq=False)
class NoSuchVerification(WebError):
    """Unknown, deleted, or another party's: the three look alike."""

    code = "web.no-such-verification"
    why = "there is no such verification"
    todo = "Check the id; a deleted verification is gone for good."


@dataclass(eq=False)
class NoSuchConversation(WebError):
    """Unknown, over, too old, or being answered by somebody else just now: the four look alike."""

    code = "web.no-such-conversation"
    why = "no conversation with a card waits for this answer"
    todo = "Begin the operation anew; it may be repeated."


@dataclass(eq=False)
class TooManyConversations(WebError):
    """A bound on what strangers can make the service remember."""

    code = "web.too-many-conversations"
    why = "too many conversations with cards are open"
    todo = "Begin again in a minute."


@dataclass(eq=False)
class ConversationFailed(WebError):
    """`cause` is the code of the card's error, nothing of what was said."""

    code = "web.conversation-failed"
    why = "the conversation with the card was ended ({cause})"
    todo = "Put the card in again and begin the operation anew; it may be repeated."

    cause: str


@dataclass(eq=False)
class KeysSilent(WebError):
    """The process with the cards' keys did not compute the next command in time."""

    code = "web.keys-silent"
    why = "the cards' keys do not answer just now"
    todo = "Send the same again in a moment; nothing is done twice."


@dataclass(eq=False)
class NotPaired(WebError):
    """No reader agent belongs to this session, or the code is worth nothing (unknown, used or too old: all alike)."""

    code = "web.not-paired"
    why = "no card reader is paired with this screen"
    todo = "Type the code that the screen shows into the page of the card reader."


@dataclass(eq=False)
class ReaderSilent(WebError):
    """The agent is paired, and does not answer."""

    code = "web.reader-silent"
    why = "the card reader's program does not answer"
    todo = "See that it runs on this PC; work goes on where it stopped."


@dataclass(eq=False)
class ReaderRefused(WebError):
    """`cause` is the agent's reason or the card's error code: nothing that was typed."""

    code = "web.reader-refused"
    why = "the card reader could not do it ({cause})"
    todo = "Put the card in (again), then repeat; nothing is done twice."

    cause: str


@dataclass(eq=False)
class CardNeeded(WebError):
    """The session was opened with a security key, which signs nothing that is kept."""

    code = "web.card-needed"
    why = "this is signed with your card, and you logged in without it"
    todo = "Log out, then log in with your card; until then you may look and read the queue."


@dataclass(eq=False)
class NoSession(WebError):
    """Nobody is logged in here, the session is over, or the card was taken out."""

    code = "web.no-session"
    why = "nobody is logged in"
    todo = "Log in."


@dataclass(eq=False)
class FormRefused(WebError):
    """Its token or its origin is not this session's page's."""

    code = "web.form-refused"
    why = "the form was not sent by this page in this session"
    todo = "Open the page anew and enter it again."


@dataclass(eq=False)
class NoSuchWork(WebError):
    """Unknown, or another office's: both look alike."""

    code = "web.no-such-work"
    why = "there is no such work"
    todo = "Choose from the list again."


@dataclass(eq=False)
class WorkRefused(WebError):
    """The work is at another step, or somebody else was faster."""

    code = "web.work-refused"
    why = "the work does not allow this now ({what})"
    todo = "Open the work's page again."

    what: str


@dataclass(eq=False)
class SigningSilent(WebError):
    """The signing process does not answer: what ends with a new certificate is not begun."""

    code = "web.signing-silent"
    why = "certificates are not signed just now"
    todo = "Losses, suspensions, checks and corrections go on. Begin this again when the notice on the page is gone."


@dataclass(eq=False)
class GlyphMissing(WebError):
    """`codes`: code points like U+20BB7, which by themselves name nobody."""

    code = "web.glyph-missing"
    why = "no font here has these characters: {codes}"
    todo = "Have a font with them installed; until then nothing is printed."

    codes: str


@dataclass(eq=False)
class NoSuchMessage(WebError):
    """Unknown, or another municipality's: the two look alike."""

    code = "web.no-such-message"
    why = "there is no such message of this municipality"
    todo = "Check the id; what did not pass is in the quarantine list."


@dataclass(eq=False)
class StatusUnsure(WebError):
    """The database could not be asked; `what` is the kind of failure."""

    code = "web.status-unsure"
    why = "the status of certificates cannot be told just now ({what})"

    what: str
