"""What `jitsuin verify certificate` and `status` say, in Japanese and English: of a certificate, not of a signature."""

from collections.abc import Mapping
from typing import Final

from verifier.indication import Indication, SubIndication
from verifier.words import Said

JUDGED: Final[Mapping[Indication, Said]] = {
    Indication.PASSED: Said("証明書は有効です", "The certificate is valid"),
    Indication.FAILED: Said("証明書は無効です", "The certificate is not valid"),
    Indication.INDETERMINATE: Said(
        "証明書が有効かどうか判定できません", "Whether the certificate is valid cannot be told"
    ),
}
WHY: Final[Mapping[SubIndication, Said]] = {
    SubIndication.FORMAT_FAILURE: Said("証明書として読み取れません", "it cannot be read as a certificate"),
    SubIndication.SIG_CRYPTO_FAILURE: Said("認証局の署名ではありません", "the authority has not signed it"),
    SubIndication.REVOKED: Said("失効しています", "it is revoked"),
    SubIndication.REVOKED_CA_NO_POE: Said("上位の認証局の証明書が失効しています", "an authority above it is revoked"),
    SubIndication.EXPIRED: Said("有効期限が切れています", "it has expired"),
    SubIndication.NOT_YET_VALID: Said("有効期間がまだ始まっていません", "it is not valid yet"),
    SubIndication.CHAIN_CONSTRAINTS_FAILURE: Said(
        "上位の認証局までのつながりが規則に反しています", "the path to its authority breaks a rule"
    ),
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE: Said(
        "認められていない暗号方式か鍵が使われています", "an algorithm or key in it is not accepted"
    ),
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND: Said(
        "信頼する認証局につながりません", "no path leads to an authority that is trusted"
    ),
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE: Said(
        "認証局までのつながりを調べきれません", "the path to its authority could not be followed to the end"
    ),
    SubIndication.TRY_LATER: Said("失効しているかどうかが分かりません", "whether it is revoked is not known"),
}
"""Every sub-indication that the path engine gives (`verifier/validator.py`); a test walks them."""
STATUS: Final[Mapping[str, Said]] = {
    "good": Said("失効していません", "good"),
    "revoked": Said("失効しています", "revoked"),
    "unknown": Said("失効しているかどうか分かりません", "unknown"),
}
DETAIL: Final[Mapping[str, Said]] = {
    "source": Said("確認先", "source"),
    "this_update": Said("情報の時点", "this_update"),
    "next_update": Said("次の更新", "next_update"),
    "age_seconds": Said("情報の古さ (秒)", "age_seconds"),
    "evidence": Said("証拠 (SHA-256)", "evidence"),
    "since": Said("失効日時", "since"),
    "reason": Said("理由", "reason"),
    "why": Said("詳細", "why"),
}
