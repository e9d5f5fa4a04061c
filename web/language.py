"""Which of our two languages a request asks for."""

from enum import StrEnum


class Language(StrEnum):
    """The languages that every word of ours exists in."""

    JA = "ja"
    EN = "en"


def preferred(accept_language: str | None, otherwise: Language) -> Language:
    """The language wanted most (RFC 9110 12.5.4); `otherwise` where none of ours is named, or all are unwanted."""
    best, best_weight = otherwise, 0.0
    for part in (accept_language or "")[:500].split(","):
        tag, _, parameter = part.partition(";")
        name = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter.strip())
        if name in (Language.JA, Language.EN) and weight > best_weight:
            best, best_weight = Language(name), weight
    return best


def _weight(parameter: str) -> float:
    name, _, number = parameter.partition("=")
    if not parameter or name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(number), 0.0), 1.0)
    except ValueError:
        return 0.0
