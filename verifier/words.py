"""What a verdict is called and means, in Japanese and English: for pages, terminals and letters. No logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from verifier.indication import Indication, SubIndication
from verifier.report import CheckName, Outcome

Tongue = Literal["ja", "en"]


@dataclass(frozen=True, slots=True)
class Said:
    """The same thing in both languages."""

    ja: str
    en: str

    def in_(self, tongue: Tongue) -> str:
        """In one of them."""
        return self.ja if tongue == "ja" else self.en


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a sub-indication means, and what one can do."""

    what: Said
    todo: Said


VERDICTS: Final[Mapping[Indication, Said]] = {
    Indication.PASSED: Said("有効な署名です", "The signature is valid"),
    Indication.FAILED: Said("無効な署名です", "The signature is not valid"),
    Indication.INDETERMINATE: Said(
        "有効とも無効とも判定できません", "It cannot be said whether the signature is valid"
    ),
}

NOT_GENUINE: Final = Said(
    "信頼する検証サービスの検証結果だと確かめられません。",
    "This is not shown to be the verdict of a service that is believed.",
)
GENUINE: Final[Mapping[bool | None, Said]] = {
    None: Said(
        "検証サービスの署名は有効です。検証のやり直しはしていません。", "The service said so; it was not verified anew."
    ),
    True: Said(
        "検証サービスの署名は有効で、中の証拠で検証し直しても同じ結果です。",
        "The service said so, and verifying anew from the evidence inside says the same.",
    ),
    False: Said(
        "検証サービスの署名は有効ですが、中の証拠で検証し直すと結果が違います。",
        "The service said so, but verifying anew from the evidence inside says something else.",
    ),
}
"""By whether verifying anew confirmed it; None: that was not asked for."""

OUTCOMES: Final[Mapping[Outcome, Said]] = {
    Outcome.PASSED: Said("適合", "holds"),
    Outcome.FAILED: Said("不適合", "fails"),
    Outcome.INDETERMINATE: Said("判定不能", "in doubt"),
    Outcome.SKIPPED: Said("確認せず", "not asked"),
    Outcome.NOTE: Said("参考", "note"),
}

CHECKS: Final[Mapping[CheckName, Said]] = {
    CheckName.FORMAT: Said("署名の形式", "Format of the signature"),
    CheckName.SIGNING_CERTIFICATE: Said("署名者の証明書の特定", "Which certificate signed"),
    CheckName.SIGNED_ATTRIBUTES: Said("署名属性", "Signed attributes"),
    CheckName.SIGNATURE_POLICY: Said("署名ポリシー", "Signature policy"),
    CheckName.CONTENT_TYPE: Said("内容の種類", "Type of the content"),
    CheckName.ALGORITHMS: Said("暗号アルゴリズム", "Algorithms"),
    CheckName.KEY: Said("署名者の鍵", "The signer's key"),
    CheckName.DOCUMENT_DIGEST: Said("文書が署名時と同じか", "Document unchanged since signing"),
    CheckName.SIGNATURE_VALUE: Said("署名値", "Signature value"),
    CheckName.COVERAGE: Said("署名が及ぶ範囲", "What the signature covers"),
    CheckName.PATH: Said("認証局までのつながり", "Path to a trust anchor"),
    CheckName.PURPOSE: Said("証明書の用途", "Purpose of the certificate"),
    CheckName.CERTIFICATE_POLICY: Said("証明書ポリシー", "Certificate policy"),
    CheckName.STATUS: Said("失効していないか", "Revocation status"),
    CheckName.TIME_STAMP: Said("タイムスタンプ", "Time-stamp"),
    CheckName.TIME_OF_SIGNING: Said("署名が存在した時刻", "When the signature existed"),
    CheckName.CLAIMED_TIME: Said("署名者が申告した時刻", "Time that the signer claims"),
    CheckName.LEVEL: Said("署名の水準", "Level of the signature"),
    CheckName.ASSURANCE: Said("本人確認の水準", "Level of assurance"),
    CheckName.REPLAY: Said("使い回しでないか", "Not handed in before"),
}

_ASK_AGAIN: Final = Said(
    "作成者に、文書と署名をもう一度送るよう頼んでください。", "Ask the sender to send document and signature again."
)
_SIGN_AGAIN: Final = Said("有効なカードで署名し直してもらってください。", "Have it signed again with a valid card.")
_PROVE: Final = Said(
    "タイムスタンプや受付記録など、署名の時期を示すものを添えて検証し直してください。",
    "Verify again with something that proves the time of signing, such as a time-stamp or a receipt.",
)
_LATER: Final = Said("時間をおいて検証し直してください。", "Verify again later.")
_ANCHOR: Final = Said(
    "証明書を発行した認証局が信頼する一覧にあるか確かめてください。",
    "See whether the issuing authority is among those you trust.",
)

MEANINGS: Final[Mapping[SubIndication, Meaning]] = {
    SubIndication.FORMAT_FAILURE: Meaning(
        Said("署名のデータが定められた形式ではありません。", "The data is not a signature in any accepted format."),
        _ASK_AGAIN,
    ),
    SubIndication.HASH_FAILURE: Meaning(
        Said("文書が署名されたときから変わっています。", "The document is not the one that was signed."), _ASK_AGAIN
    ),
    SubIndication.SIG_CRYPTO_FAILURE: Meaning(
        Said("署名者の鍵で作られた署名ではありません。", "The signature was not made with the signer's key."),
        _SIGN_AGAIN,
    ),
    SubIndication.REVOKED: Meaning(
        Said("証明書が失効したあとに署名されています。", "It was signed after the certificate had been revoked."),
        _SIGN_AGAIN,
    ),
    SubIndication.EXPIRED: Meaning(
        Said("証明書の有効期限のあとに署名されています。", "It was signed after the certificate had ended."),
        _SIGN_AGAIN,
    ),
    SubIndication.NOT_YET_VALID: Meaning(
        Said("証明書の有効期間が始まる前に署名されています。", "It was signed before the certificate began."),
        _SIGN_AGAIN,
    ),
    SubIndication.SIG_CONSTRAINTS_FAILURE: Meaning(
        Said("署名が受け付けの条件を満たしていません。", "The signature does not meet the conditions of acceptance."),
        Said(
            "理由の欄を見て、条件に合う形で署名し直してもらってください。",
            "See the reason and have it signed accordingly.",
        ),
    ),
    SubIndication.CHAIN_CONSTRAINTS_FAILURE: Meaning(
        Said(
            "証明書がこの用途の条件を満たしていません。", "The certificate does not meet the conditions for this use."
        ),
        Said("署名用電子証明書で署名し直してもらってください。", "Have it signed with a signature certificate."),
    ),
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE: Meaning(
        Said("証明書のつながりを確かめきれませんでした。", "The path of certificates could not be settled."), _ANCHOR
    ),
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE: Meaning(
        Said("弱い、または受け付けていない暗号方式です。", "An algorithm or key that is weak or not accepted."),
        _SIGN_AGAIN,
    ),
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: Meaning(
        Said(
            "暗号方式がもう認められておらず、以前の署名とも示せません。",
            "An algorithm that is no longer accepted, and nothing proves that the signature is older.",
        ),
        _PROVE,
    ),
    SubIndication.POLICY_PROCESSING_ERROR: Meaning(
        Said("検証ポリシーを処理できませんでした。", "The validation policy could not be processed."), _LATER
    ),
    SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE: Meaning(
        Said("署名ポリシーが手に入りません。", "The signature policy is not available."), _LATER
    ),
    SubIndication.TIMESTAMP_ORDER_FAILURE: Meaning(
        Said("時刻の証拠どうしが食い違っています。", "Proofs of time contradict each other."), _ASK_AGAIN
    ),
    SubIndication.NO_SIGNING_CERTIFICATE_FOUND: Meaning(
        Said("署名者の証明書が見つかりません。", "The signer's certificate was not found."),
        Said("証明書を添えて検証し直してください。", "Verify again with the certificate beside it."),
    ),
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND: Meaning(
        Said("信頼する認証局につながりません。", "No path leads to an authority that is trusted."), _ANCHOR
    ),
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE: Meaning(
        Said(
            "署名した時点で信頼できた認証局につながると示せません。",
            "No path to a trusted authority, and nothing proves the time of signing.",
        ),
        _PROVE,
    ),
    SubIndication.REVOKED_NO_POE: Meaning(
        Said(
            "証明書は失効しています。署名が失効より前である証拠がありません。",
            "The certificate is revoked, and nothing proves that the signature is older.",
        ),
        _PROVE,
    ),
    SubIndication.REVOKED_CA_NO_POE: Meaning(
        Said("認証局の証明書が失効しています。", "A certificate of the authority itself is revoked."), _PROVE
    ),
    SubIndication.OUT_OF_BOUNDS_NOT_REVOKED: Meaning(
        Said(
            "証明書の有効期間の外です。失効はしていません。",
            "Outside the certificate's time, though it was not revoked.",
        ),
        _PROVE,
    ),
    SubIndication.OUT_OF_BOUNDS_NO_POE: Meaning(
        Said(
            "証明書の有効期間の外で、期間内の署名である証拠がありません。",
            "Outside the certificate's time, and nothing proves that the signature was made within.",
        ),
        _PROVE,
    ),
    SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE: Meaning(
        Said(
            "失効情報に署名した証明書が有効期間の外です。", "The revocation data was signed outside its signer's time."
        ),
        _PROVE,
    ),
    SubIndication.NO_POE: Meaning(
        Said("署名がその時点で存在した証拠がありません。", "Nothing proves that the signature existed at that time."),
        _PROVE,
    ),
    SubIndication.TRY_LATER: Meaning(
        Said("失効しているかどうかが今は分かりません。", "Whether the certificate is revoked cannot be told just now."),
        _LATER,
    ),
    SubIndication.ASSURANCE_NOT_MET: Meaning(
        Said(
            "署名は有効ですが、対面での本人確認から時間がたっているか、その後の遠隔での変更が多すぎます。",
            "The signature holds, but the person was seen in person too long ago, or too much was changed remotely.",
        ),
        Said(
            "市区町村の窓口か郵便局で本人確認を受けてもらってください。",
            "Ask the person to be seen in person at a municipal counter or a post office.",
        ),
    ),
    SubIndication.SIGNED_DATA_NOT_FOUND: Meaning(
        Said("署名された文書がありません。", "The signed document was not handed in."),
        Said("文書を添えて検証し直してください。", "Verify again with the document."),
    ),
}
"""Every sub-indication; a test walks them all."""
