"""Errors of what was prepared at home for the counter.

WebError
├── PrefillForged        no such code was ever given out
├── PrefillUsed          the code has filled in a form already
└── PrefillExpired       the code is too old
"""

from dataclasses import dataclass

from web.errors import WebError


@dataclass(eq=False)
class PrefillForged(WebError):
    """Not ours, changed, or misread: nobody is named by it."""

    code = "web.prefill-forged"
    why = "this code was not given out by us, or was misread"
    todo = "Scan it again; if it stays so, write the form down with the person, and tell your supervisor."


@dataclass(eq=False)
class PrefillUsed(WebError):
    """Each code fills in one form."""

    code = "web.prefill-used"
    why = "this code was used already, on {at}"
    todo = "Go on with the work that it began, or write the form down with the person."

    at: str
    """In Japan."""


@dataclass(eq=False)
class PrefillExpired(WebError):
    """After a week what was prepared is forgotten."""

    code = "web.prefill-expired"
    why = "this code was good until {until}"
    todo = "Write the form down with the person, or have them prepare it again."

    until: str
    """In Japan."""
