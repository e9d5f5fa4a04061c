"""What reports say in English, said in Japanese: one row a sentence, with places for times, names and numbers.

Reports keep one language, so that two of them can be compared; pages and terminals speak the reader's. A sentence
without a row (the hundred ways in which a format can be broken) is told by its clause, or by what its sub-indication
means: nothing is left in a language that the reader did not ask for. The exact words are always in the JSON report.
"""

# ruff: noqa: E501 - a row of the table is read as one line

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from verifier.indication import SubIndication
from verifier.report import Outcome
from verifier.words import MEANINGS, Tongue

ROWS: Final[Mapping[str, str]] = {
    # the format and who signed
    "a CMS SignedData in DER": "DER の CMS SignedData です",
    "an XML signature": "XML 署名です",
    "a JSON Web Signature": "JSON の署名 (JWS) です",
    "a log-in token": "ログイン用のトークンです",
    "present, each once, in DER": "そろっていて重複がなく、DER です",
    "as signed": "署名されたとおりです",
    "accepted": "受け付けている鍵です",
    "{} is not accepted here": "{0} 形式はここでは受け付けていません",
    "the certificate that the signed attributes bind by its hash": "署名属性がハッシュで指している証明書です",
    "the certificate that the signed properties bind": "署名プロパティが指している証明書です",
    "the certificate that the signed header binds": "署名されたヘッダーが指している証明書です",
    "the certificate that was handed in; the value names none": "渡された証明書です。署名値は証明書を指していません",
    "the signed attributes bind no signing certificate": "署名属性が署名者の証明書を指していません",
    "the signed attributes bind no signing certificate, so another could be put in its place": "署名属性が署名者の証明書を指していないため、別の証明書に差し替えられます",
    "the signed properties bind no signing certificate": "署名プロパティが署名者の証明書を指していません",
    "the signed header binds no signing certificate": "署名されたヘッダーが署名者の証明書を指していません",
    "plain XMLDSig: nothing signed binds the signing certificate": "XAdES ではない XML 署名で、署名者の証明書が署名の対象に入っていません",
    "issuerSerial in signing-certificate names another certificate than its hash": "署名属性の発行者と番号が、ハッシュの指す証明書と食い違っています",
    "the certificate that sid names is not the one that the signed attributes bind": "署名者の欄が指す証明書と、署名属性が指す証明書が違います",
    "no certificate at hand is the one that sid names": "署名者の欄が指す証明書が手元にありません",
    "no certificate at hand is the one that the signed properties bind": "署名プロパティが指す証明書が手元にありません",
    "no certificate at hand is the one that the signed header binds": "署名されたヘッダーが指す証明書が手元にありません",
    "made under the signature policy {}, which was not looked at": "署名ポリシー {0} のもとでの署名です。内容は見ていません",
    "made under the signature policy {}, which is not at hand": "署名ポリシー {0} のもとでの署名ですが、手元にありません",
    "the signature policy {} at hand is not the one that the signer meant": "手元の署名ポリシー {0} は、署名者が指したものと違います",
    "made under the signature policy {}, as agreed": "取り決めた署名ポリシー {0} のもとでの署名です",
    "the certificate ended on {}, was not revoked until then, and nothing proves that the signature is older": "証明書の有効期限は {0} で、それまでに失効していませんが、署名がそれより前だという証拠がありません",
    "an algorithm of the path is no longer believed, and nothing proves that the signature is older": "証明書のつながりに使われた暗号方式がもう認められておらず、署名がそれより前だという証拠がありません",
    "existed by {}, while the algorithms were believed": "{0} には存在していました。暗号方式が認められていた間です",
    "there are no signed attributes": "署名属性がありません",
    "there are no signed attributes: the document is itself a set of attributes, taken from another signature": "署名属性がなく、文書そのものが別の署名から取った属性の集まりです",
    "the signer signed the type {}, the envelope says {}": "署名者が署名した種類は {0} ですが、外側には {1} とあります",
    "a content of the type {} is not what is asked for here": "種類が {0} の内容は、ここでは扱いません",
    "no signature was handed in": "署名が渡されていません",
    "it is larger than is accepted": "受け付けている大きさを超えています",
    "it is PEM that cannot be read": "PEM として読み取れません",
    "it is neither CMS, nor XML, nor PDF, nor a JSON signature": "CMS、XML、PDF、JSON のどの署名でもありません",
    # the value and the document
    "verifies with the signer's key": "署名者の鍵で確かめられました",
    "verifies with that certificate's key": "その証明書の鍵で確かめられました",
    "verifies with the signer's key over header and document": "ヘッダーと文書に対する署名を、署名者の鍵で確かめられました",
    "over this site's origin and challenge": "このサイトとチャレンジに対する署名です",
    "the signature value does not verify with the signer's key": "署名者の鍵で作られた署名値ではありません",
    "the value does not verify with that certificate's key over this document": "この文書に対する、その証明書の鍵の署名値ではありません",
    "the signature value does not verify with the signer's key over this header and document": "このヘッダーと文書に対する、署名者の鍵の署名値ではありません",
    "the signature is not one over this site's origin and challenge by the certificate's key": "このサイトとチャレンジに対する、証明書の鍵の署名ではありません",
    "the signed document was not handed in": "署名された文書が渡されていません",
    "the signature needs the document's {}": "この署名には文書の {0} が必要です",
    "a JWS signs the document itself: its digest does not suffice": "JWS は文書そのものに署名するため、要約値だけでは足りません",
    "the document is the one that was signed": "署名されたときの文書と同じです",
    "the document is not the one that was signed": "署名されたときの文書と違います",
    "all references": "参照先はすべて署名されたときと同じです",
    "{} is not what was signed": "{0} が署名されたときと違います",
    "only the document's digest was handed in: who shows it must compare it": "渡されたのは文書の要約値だけです。文書を見せる側が照合してください",
    # what is covered
    "the whole document": "文書全体",
    "the document": "文書",
    "the document handed in": "渡された文書",
    "nothing": "なし",
    "signed: {}": "署名の対象: {0}",
    "only a part is signed ({}): {}": "一部しか署名されていません ({0})。{1}",
    "the whole file as it is shown: {}": "表示されるファイル全体です: {0}",
    "not all that is shown was signed ({}): {}": "表示されるもののすべてが署名されているわけではありません ({0})。{1}",
    "octets {} and {} of {}": "全 {2} バイトのうち {0} と {1}",
    "octets {} and {} of {}; only time-stamps and evidence were added since": "全 {2} バイトのうち {0} と {1}。そのあと加わったのはタイムスタンプと証拠だけです",
    "the revisions of the file cannot be compared": "ファイルの版どうしを比べられません",
    "the signature does not cover one whole revision of the file": "署名はファイルの一つの版の全体に及んでいません",
    "{} octets were added after signing: content was changed": "署名のあとに {0} バイトが加わり、内容が変わっています",
    "{} octets were added after signing: forms were filled in": "署名のあとに {0} バイトが加わり、欄が記入されています",
    "{} octets were added after signing: forms were filled in, as the signer allowed": "署名のあとに {0} バイトが加わり、署名者が許した欄が記入されています",
    "{} lies inside the signature's element but is not signed": "{0} は署名の要素の中にありますが、署名されていません",
    "{} is not signed": "{0} は署名されていません",
    "something beside what is signed stands in the document": "署名されたもののほかに、文書の中に何かがあります",
    "a processing instruction stands outside the root element": "根の要素の外に処理命令があります",
    "a document was handed in that the signature does not refer to": "署名が参照していない文書が渡されました",
    # certificates
    "leads to a trust anchor": "信頼する認証局につながります",
    "as asked for": "求められたとおりです",
    "a certificate for {}": "{0}の証明書です",
    "the certificate is not one for {}": "{0}の証明書ではありません",
    "the status was not asked for": "失効は確認していません",
    "nothing says that it is revoked": "失効を示すものはありません",
    "not revoked, by {} of {}": "{1} 時点の {0} では失効していません",
    "the certificate is on hold since {}; it may be released or revoked for good": "証明書は {0} から一時停止中です。解除されることも、失効が確定することもあります",
    "signed after the certificate was revoked on {} ({})": "証明書が {0} に失効 ({1}) したあとに署名されています",
    "the certificate was revoked on {} ({}) and nothing proves that the signature is older": "証明書は {0} に失効 ({1}) していて、署名がそれより前だという証拠がありません",
    "signed after the certificate had ended on {}": "証明書の期限 {0} のあとに署名されています",
    "signed before the certificate began on {}": "証明書の有効期間が始まる {0} より前に署名されています",
    "existed before the certificate began on {}": "証明書の有効期間が始まる {0} より前から存在しています",
    # path and status, as the path engine says them
    "no path to a trust anchor: no certificate at hand bears the issuer's name": "信頼する認証局につながりません。発行者の証明書が手元にありません",
    "no path to a trust anchor: who bears an issuer's name has not made its signature": "信頼する認証局につながりません。発行者を名乗る証明書が署名したものではありません",
    "certificate: its status is not known: {}": "証明書が失効しているかどうか分かりません。{0}",
    "CA certificate {} above it: its status is not known: {}": "上位 {0} 番目の認証局の証明書が失効しているかどうか分かりません。{1}",
    "nothing at hand tells its status": "それを示すものが手元にありません",
    "its CRL is not current": "失効リスト (CRL) が現在のものではありません",
    "no certificate at hand may have signed its CRL, or the signature does not verify": "失効リスト (CRL) の署名を確かめられません",
    "the OCSP responder does not know it": "OCSP の回答者がこの証明書を知りません",
    "the OCSP answer is out of date": "OCSP の回答の期限が切れています",
    "the OCSP answer is from the future": "OCSP の回答の時刻が未来です",
    "the OCSP answer does not carry the nonce that was sent": "OCSP の回答に、送ったノンスがありません",
    "nobody at hand who may answer for the issuer has signed the OCSP answer": "OCSP の回答に、発行者に代わって答えてよい者の署名がありません",
    "the check was ended after too many {}": "調べる量が上限を超えたため、途中で終えました",
    # time
    "a time-stamp of {} holds": "{0} のタイムスタンプは有効です",
    "a time-stamp does not hold: {}": "タイムスタンプが有効ではありません: {0}",
    "an archive time-stamp does not hold: {}": "保存用タイムスタンプが有効ではありません: {0}",
    "a time-stamp's authority is not believed: {}": "タイムスタンプの発行者を信頼できません: {0}",
    "a time-stamp lies in the future": "タイムスタンプの時刻が未来です",
    "a time-stamp of {} is covered by one of {}": "{0} のタイムスタンプが、それより前の {1} のタイムスタンプの対象になっています",
    "the time-stamp covers something else": "タイムスタンプは別のものに付けられています",
    "the certificate is not for time-stamps alone (critical extendedKeyUsage, RFC 3161 2.3)": "タイムスタンプ専用の証明書ではありません (RFC 3161 2.3)",
    "existed by {} according to {}": "{1} によれば、{0} には存在していました",
    "the recipient": "受け取った側",
    "existed by {}, while the certificate was valid": "{0} には存在していました。証明書の有効期間内です",
    "existed by {}, before the certificate was revoked on {}": "{0} には存在していました。証明書が失効した {1} より前です",
    "proofs of time contradict each other: it existed before it could have been made": "時刻の証拠どうしが食い違っています。作れるはずのない時に存在しています",
    "the signer claims {}; a claim proves nothing": "署名者の申告は {0} です。申告は証拠になりません",
    "the signer claims {}, but the signature existed by {}": "署名者の申告は {0} ですが、署名は {1} には存在していました",
    "the signer claims {}, but the signature cannot be older than {}": "署名者の申告は {0} ですが、署名は {1} より古くはありえません",
    # the recipient's own conditions
    "level {}": "水準 {0}",
    "level {} is asked for, {} is reached": "水準 {0} が必要ですが、{1} にとどまります",
    "handed in for the first time": "初めて提出されたものです",
    "this very signature was handed in before": "同じ署名が以前に提出されています",
    "the person's assurance is {}; {} was asked for": "本人確認の水準は {0} です。求められているのは {1} です",
    # clauses with words in them
    "the relying party's policy": "検証を求めた側の方針",
    "EN 319 102-1 5.2.7.4; what was signed is what was shown": "EN 319 102-1 5.2.7.4、署名されたものと表示されるものの一致",
    "RFC 5280 4.2.1.3, 4.2.1.12; JPKI profile": "RFC 5280 4.2.1.3, 4.2.1.12、JPKI のプロファイル",
    # algorithms and keys
    "{} with {}": "{0} ({1})",
    "the signer has {}, which is not accepted": "署名者の鍵を受け付けられません: {0}",
    "an RSA key of {} bits": "{0} ビットの RSA 鍵",
    "a {} key of {} bits": "{1} ビットの {0} 鍵",
    "a key on the curve {}": "曲線 {0} の鍵",
    "the curve {}": "曲線 {0}",
    "a key of the kind {}": "種類 {0} の鍵",
    "a key of a kind that is not accepted": "受け付けていない種類の鍵",
    "a key that is too large": "大きすぎる鍵",
    "an RSA key that is too large": "大きすぎる RSA 鍵",
    "a key that cannot be read": "読み取れない鍵",
    "an RSA exponent that is small": "小さすぎる RSA の指数",
    "an RSA key with an even modulus, or an exponent that is even or one": "法が偶数か、指数が偶数または 1 の RSA 鍵",
    "an RSA key with the ROCA fingerprint (CVE-2017-15361)": "ROCA (CVE-2017-15361) の特徴がある RSA 鍵",
    "{} is not accepted": "{0} は受け付けていません",
    "the signing certificate is bound by {}": "署名者の証明書が {0} で指されています",
    "the signing certificate is bound by a digest that is not accepted": "署名者の証明書が、受け付けていない要約で指されています",
    "a reference uses the digest {}": "参照が {0} の要約を使っています",
    "the digest is {} but the signature algorithm says {}": "要約は {0} ですが、署名アルゴリズムは {1} です",
    "the time-stamp covers a {} digest": "タイムスタンプが {0} の要約に付けられています",
    "the key's owner restricted it to another algorithm (RFC 4055 1.2)": "鍵の持ち主が別のアルゴリズムに限っています (RFC 4055 1.2)",
}  # fmt: skip
"""English, with `{}` for what changes → Japanese, with the numbers of those places."""

_NAMES: Final[Mapping[str, str]] = {
    "signature": "署名用",
    "authentication": "利用者証明用",
    "certificateHold": "一時停止",
    "keyCompromise": "鍵の危殆化",
    "affiliationChanged": "記載事項の変更",
    "superseded": "新しい証明書の発行",
    "cessationOfOperation": "利用の終了",
    "unspecified": "理由の記載なし",
}
_FORMAT: Final = re.compile(r"the signature breaks its format: .* \((?P<clause>[^()]*)\)", re.DOTALL)
_SENTENCE: Final = re.compile(r"[A-Za-z]{2,} (?:[A-Za-z]{2,}|[a-z] )")
_LONGEST: Final = 2000
"""Characters of a sentence that is compared with the rows at all."""


def in_tongue(why: str, tongue: Tongue, *, outcome: str = "", sub_indication: str | None = None) -> str:
    """A sentence of a report for a reader of `tongue`.

    `outcome` and `sub_indication` are those of the check it belongs to: what is said where no row fits.
    """
    if tongue == "en":
        return why
    said = None if _FORMAT.fullmatch(why) else japanese(why)
    return said or _by_meaning(why, outcome, sub_indication)


def told(check: Mapping[str, Any], tongue: Tongue) -> str:
    """What one check of a report (its JSON form) says."""
    return in_tongue(
        str(check["why"]), tongue, outcome=str(check["outcome"]), sub_indication=check.get("sub_indication")
    )


def japanese(sentence: str) -> str | None:
    """The sentence in Japanese; None where no row fits. Names, times and numbers are no sentences and stay."""
    if len(sentence) > _LONGEST:
        return None
    row = ROWS.get(sentence)
    if row is not None:
        return row
    for pattern, template in _patterns():
        if (found := pattern.fullmatch(sentence)) is not None:
            return template.format(*(_place(value) for value in found.groups()))
    if not _SENTENCE.search(sentence):
        return sentence
    parts = sentence.split("; ")
    return "。".join(_place(part) for part in parts) if len(parts) > 1 else None


def _place(value: str) -> str:
    if value in _NAMES:
        return _NAMES[value]
    if ", " in value and value not in ROWS:
        return "、".join(_place(part) for part in value.split(", "))
    return japanese(value) or "詳しくは JSON の報告にあります"


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Rows with places, the longest first: what is more exact is tried before what would also fit."""
    rows = sorted((row for row in ROWS.items() if "{}" in row[0]), key=lambda row: -len(row[0]))
    return [(re.compile(re.escape(english).replace(r"\{\}", "(.+?)"), re.DOTALL), ja) for english, ja in rows]


def _by_meaning(why: str, outcome: str, sub_indication: str | None) -> str:
    broken = _FORMAT.fullmatch(why)
    if broken is not None:
        clause = broken["clause"].replace("best practices", "ベストプラクティス")
        return (
            f"形式が標準に合っていません ({clause})" if clause != "limits" else "受け付けている大きさや数を超えています"
        )
    if sub_indication is not None:
        return MEANINGS[SubIndication(sub_indication)].what.ja.rstrip("。")
    return "確認できました" if outcome == Outcome.PASSED else "詳しくは JSON の報告にあります"
