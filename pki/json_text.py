"""JSON in its one meaning (RFC 8259): hooks for `json.loads`, for texts about which two readers must not differ.

    json.loads(text, object_pairs_hook=each_once, parse_constant=no_constant)

Of two members of one name nobody could say which one was meant, and NaN and the infinities, which Python reads, are no
numbers of JSON.
"""

from typing import Any, Never


class NameTwice(ValueError):
    """A name stands twice in one object. It repeats nothing of the text."""


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these members. Errors: NameTwice."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NameTwice("a name stands twice in one object")
    return fields


def no_constant(_text: str) -> Never:
    """What NaN, Infinity and -Infinity are taken for. Errors: ValueError."""
    raise ValueError("a number that is none")
