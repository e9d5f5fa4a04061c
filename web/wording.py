"""What an error says in Japanese: code → why and what to do, with the same `{fields}` as the English in its class."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from web.wording_authority import WHY_AND_WHAT_TO_DO as OF_THE_AUTHORITY
from web.wording_enrollment import WHY_AND_WHAT_TO_DO as OF_ENROLLMENT
from web.wording_web import WHY_AND_WHAT_TO_DO as OF_THE_FACES


@dataclass(frozen=True, slots=True)
class Wording:
    """Two templates over the fields of the error."""

    why: str
    todo: str


WORDING: Mapping[str, Wording] = MappingProxyType(
    {
        **{code: Wording(*texts) for code, texts in (OF_THE_AUTHORITY | OF_ENROLLMENT | OF_THE_FACES).items()},
        "jitsuin.retryable": Wording("ほかの処理が先に行われました。", "もう一度お試しください。"),
        "cli.database-full": Wording(
            "データベースのディスクがいっぱいです。何も書き込まれていません。",
            "管理者に連絡し、空きができてから同じ操作をもう一度行ってください。",
        ),
        "cli.database-unavailable": Wording(
            "ただいまデータベースを利用できません。", "しばらくしてから同じ操作をもう一度行ってください。"
        ),
    }
)
