"""Errors of the faces themselves: who may ask what, how often, and about what.

WebError
├── NotAuthenticated     nobody we know asked, or the assertion does not hold
├── NotAllowed           a purpose, a field or an operation that the party is not registered for
├── QuotaExhausted       more requests than agreed
├── KeyMismatch          an idempotency key was used before for another request
├── StillRunning         the answer to that request is being made just now
├── NoSuchVerification   no verification of this party has that id, or it was deleted
├── NoSuchConversation   no conversation with a card has that id and waits for an answer
├── TooManyConversations the service carries as many as it will, with this card or in all
└── ConversationFailed   the card, or somebody on the way to it, answered what it should not
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
