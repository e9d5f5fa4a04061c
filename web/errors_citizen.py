"""Errors of a person's own pages.

WebError
├── OutputWithheld       a file that would say where a protected person lives
├── NoSuchConsent        the person has given no such consent, or ended it already
└── NoSuchMove           no move of theirs waits for that
"""

from dataclasses import dataclass

from web.errors import WebError


@dataclass(eq=False)
class OutputWithheld(WebError):
    """While a support measure is in force, nothing with offices in it leaves these pages."""

    code = "web.output-withheld"
    why = "this file is not made while a support measure is in force"
    todo = "Ask the desk that keeps the measure; they can show you the records in person."


@dataclass(eq=False)
class NoSuchConsent(WebError):
    """Unknown, another's, or withdrawn."""

    code = "web.no-such-consent"
    why = "you have given no such consent, or it has ended already"
    todo = "Look at the list again."


@dataclass(eq=False)
class NoSuchMove(WebError):
    """Unknown, another's, or at another step."""

    code = "web.no-such-move"
    why = "no move of yours waits for that"
    todo = "Look at the list of your moves again."
