"""Which characters a certificate can carry, and what stands there for those that it cannot.

A register keeps names as their holders write them: with variant selectors (IVS), 𠮷 with the short stroke, and
characters that no JIS standard has. A signature certificate carries JIS X 0208 and JIS X 0212 (jpki.md: levels 1 and 2
and the supplementary kanji); every other character is replaced, and a flag says so position by position.
"""

import unicodedata
from collections.abc import Mapping
from typing import Final

from pki.attributes import Attributes, is_variation_selector, seen_characters

MISSING: Final = "〓"
"""Stands for a character that has no near relative: the printer's geta."""

RELATIVES: Final[Mapping[str, str]] = {
    "𠮷": "吉", "髙": "高", "﨑": "崎", "德": "徳", "栁": "柳",
    "𣘺": "橋", "𠀋": "丈", "𡈽": "土", "𦥑": "臼", "閒": "間",
}  # fmt: skip
"""Variants → the character that people would write instead. Compatibility forms are found by Unicode's own tables."""

_WIDE: Final = frozenset("～－∥￠￡￢")
"""In JIS X 0208 under another code point than most keyboards give."""


def is_certifiable(character: str) -> bool:
    """Whether JIS X 0208 or JIS X 0212 has it (EUC-JP, code sets 1 and 3; half-width kana are not names)."""
    if character in _WIDE:
        return True
    try:
        octets = character.encode("euc_jp")
    except UnicodeEncodeError:
        return False
    return len(octets) in (2, 3) and octets[0] != 0x8E


def certified(text: str) -> tuple[str, str]:
    """The text as a certificate carries it, and the flags of its positions ('1': a substitute); "" if there is none.

    A variant selector is left out, and the character before it counts as substituted: another form of it is meant.
    Marks are put together with their letter (か and U+3099 are が, the same name); where no such letter is, the letter
    stands alone and counts as substituted.
    """
    pairs = [_carried(seen) for seen in seen_characters(text)]
    flags = "".join(flag for _, flag in pairs)
    return "".join(character for character, _ in pairs), flags if "1" in flags else ""


def _carried(seen: str) -> tuple[str, str]:
    """One character that a reader sees → the one that a certificate carries, and its flag."""
    plain = "".join(one for one in seen if not is_variation_selector(one)) or seen
    whole = unicodedata.normalize("NFC", plain) if len(plain) > 1 else plain
    if len(whole) == 1 and (is_certifiable(whole) or whole.isascii()):
        return whole, "0" if plain == seen else "1"
    base = plain[0]
    if len(plain) > 1 and (is_certifiable(base) or base.isascii()):
        return base, "1"
    near = RELATIVES.get(base) or unicodedata.normalize("NFKC", base)
    return (near if len(near) == 1 and is_certifiable(near) else MISSING), "1"


def for_certificate(attributes: Attributes) -> Attributes:
    """The same person as a certificate names them. What the register flags stays flagged."""
    name, name_flags = certified(attributes.name)
    address, address_flags = certified(attributes.address)
    return Attributes(
        name,
        attributes.date_of_birth,
        attributes.gender,
        address,
        _merged(attributes.name, attributes.name_substitutes, name_flags, len(name)),
        _merged(attributes.address, attributes.address_substitutes, address_flags, len(address)),
    )


def _merged(text: str, known: str, found: str, length: int) -> str:
    """Flags of the register (one a code point of `text`) and those found here, over the certified text."""
    if not known:
        return found
    flags = iter(known)
    visible = [max(flag for _, flag in zip(seen, flags, strict=False)) for seen in seen_characters(text)]
    mine = found or "0" * length
    return "".join(max(pair) for pair in zip(visible, mine, strict=True))
