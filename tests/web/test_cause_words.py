"""What an agent or a card answers is said in words that tell a clerk what happened: no code stands in a sentence."""

from cardio import errors as cardio_errors
from cardio.agent.refusals import Refusal
from cardio.errors import CardError
from web.pages.words import WORDS

NEVER_SHOWN = {
    # answers to programs that do not speak our protocol, and to pages that are not ours
    "unknown-operation",
    "not-in-this-mode",
    "malformed",
    "flood",
    "apdu-not-relayed",
    "code-unknown",
}


def kinds(of: type[CardError]) -> set[type[CardError]]:
    return {of}.union(*(kinds(one) for one in of.__subclasses__()))


def test_every_refusal_and_every_error_of_a_card_has_its_words_in_three_languages() -> None:
    mine = {one.code for one in kinds(CardError) if one.__module__ == cardio_errors.__name__}
    about_piv = {one for one in mine if "management-key" in one or "attestation" in one or "pending-place" in one}
    wanted = {one.value for one in Refusal} - NEVER_SHOWN | mine - about_piv - {"cardio.error", "cardio.image-unusable"}
    assert len(wanted) >= 30
    missing = {one for one in wanted if f"cause-{one}" not in WORDS}
    assert not missing
    for one in wanted:
        words = WORDS[f"cause-{one}"]
        assert all((words.ja, words.easy, words.en)) and "cardio" not in words.ja + words.easy + words.en
