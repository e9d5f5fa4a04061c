"""Which language the terminal is spoken to in."""

import os
from enum import StrEnum


class Language(StrEnum):
    """The languages that the terminal's words exist in."""

    JA = "ja"
    EN = "en"


def spoken(wanted: Language | None) -> Language:
    """`wanted`, or what the shell's locale says (POSIX: LC_ALL before LC_MESSAGES before LANG); else English."""
    if wanted is not None:
        return wanted
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return Language.JA if locale.startswith("ja") else Language.EN
