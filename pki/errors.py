"""The root of every error that Jitsuin raises on purpose.

Error                         code, why, todo; one base per package below it
├── Retryable                 the same transaction may simply be run again
├── Malformed                 octets that are not what they claim to be
├── InvalidValue              a value outside what its type promises
├── cardio.errors.CardError …
├── ca.errors.AuthorityError …
├── verifier.errors.VerifierError …
├── transparency.errors.TransparencyError …
└── enrollment.errors.EnrollmentError …
"""

from dataclasses import dataclass
from typing import ClassVar


class Error(Exception):
    """A condition with a stable code, told to people in two parts: why it happened and what to do.

    Leaves are dataclasses (`@dataclass(eq=False)`) with typed fields; `why` and `todo` are templates over those
    fields. No field may hold a secret (PIN, key, name, address): whatever is in a field may reach a log.
    """

    code: ClassVar[str] = "jitsuin.error"
    why: ClassVar[str] = "something went wrong"
    todo: ClassVar[str] = ""

    def fields(self) -> dict[str, object]:
        """The typed fields of this leaf by name, in the order of their declaration."""
        return {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", ())}

    @property
    def reason(self) -> str:
        """`why` with the fields filled in."""
        return self.why.format(**self.fields())

    @property
    def remedy(self) -> str:
        """`todo` with the fields filled in; empty where nothing can be done."""
        return self.todo.format(**self.fields())

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


class Retryable(Error):
    """The transaction lost a race and left nothing behind: the same body may be run again."""

    code = "jitsuin.retryable"
    why = "another transaction came first"


@dataclass(eq=False)
class Malformed(Error):
    """Octets that are not what they claim to be; `offset` counts octets from their start."""

    code = "pki.malformed"
    why = "malformed data: {what}{place}"
    todo = "Send the data again in the form that is asked for."

    what: str
    offset: int | None = None

    @property
    def reason(self) -> str:
        """What was malformed, and where if that is known."""
        return self.why.format(what=self.what, place="" if self.offset is None else f" (at octet {self.offset})")


@dataclass(eq=False)
class InvalidValue(Error):
    """A value outside what its type promises; `what` names the type and the rule, never the value itself."""

    code = "pki.invalid-value"
    why = "{what}"
    todo = "Correct the value."

    what: str
