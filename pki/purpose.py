"""The two uses of a person's card."""

from enum import StrEnum


class Purpose(StrEnum):
    """Which of the two key pairs of a card, certificates and authorities is meant."""

    SIGNATURE = "signature"
    AUTHENTICATION = "authentication"

    @property
    def japanese(self) -> str:
        """The name that the law and the card give it."""
        return {"signature": "署名用", "authentication": "利用者証明用"}[self.value]
