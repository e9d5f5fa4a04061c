"""What an operator's card may sign here, in words: act → (Japanese, easy Japanese, English), written as in `wording`.
What has no words is not signed.
"""

from collections.abc import Mapping
from typing import Final

EVIDENCE: Final = "in-person-evidence"
"""What was seen of a person: a record of its own kind."""

RECORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    EVIDENCE: ("本人確認の記録", "{本人|ほんにん}を たしかめた こと", "the record of a check in person"),
    "file": ("申請の受付", "もうしこみを うける こと", "taking an application"),
    "propose": ("承認の依頼", "{承認|しょうにん}を たのむ こと", "asking for approval"),
    "approve": ("承認", "{承認|しょうにん}", "approving"),
    "reject": ("承認しないこと", "{承認|しょうにん}しない こと", "refusing approval"),
    "withdraw": ("取下げ", "とりさげ", "taking back"),
    "correct": ("記録の訂正", "{記録|きろく}を なおす こと", "correcting a record"),
    "official-change": ("表記の変更", "{書|か}き{方|かた}を かえる こと", "a change of wording by the office"),
    "attribute-change": (
        "住所・氏名などの変更",
        "{住所|じゅうしょ}や {名前|なまえ}を かえる こと",
        "a change of address, name or the like",
    ),
    "transfer-out": ("転出の処理", "ほかの まちへ うつる こと", "a move to another municipality"),
    "suspend": ("カードの一時停止", "カードを とめる こと", "suspending a card"),
    "resume": ("一時停止の解除", "カードを また つかえる ように する こと", "ending a card's suspension"),
    "report-loss": ("カードの紛失の届出", "カードを なくした こと", "reporting a card lost"),
    "change-card": ("カードの状態の変更", "カードの ようすを かえる こと", "a change in a card's life"),
    "end-of-service": ("死亡・国外転出などによる終了", "サービスを おわる こと", "the end of service"),
    "reinstate": ("終了の取消し", "おわりを とりけす こと", "taking back the end of service"),
    "confirm-check": (
        "郵便局での本人確認の承認",
        "{郵便局|ゆうびんきょく}で たしかめた ことの {承認|しょうにん}",
        "confirming a check at a post office",
    ),
    "grant": ("代理・法定代理の登録", "{代理|だいり}の {登録|とうろく}", "registering a proxy or representative"),
    "revoke-grant": ("代理の取消し", "{代理|だいり}を やめる こと", "revoking a proxy"),
    "note-residence": ("居住の証拠の記録", "すんでいる ことの {記録|きろく}", "noting evidence of residence"),
    "letter-returned": ("照会書の返戻の記録", "てがみが もどった こと", "noting a returned letter"),
    "continue-card": ("カードの継続利用", "カードを つづけて つかう こと", "continuing a card's use"),
    "pin-reset": (
        "暗証番号の再設定の許可",
        "{暗証番号|あんしょうばんごう}を あたらしく する {許可|きょか}",
        "permitting a PIN to be set anew",
    ),
    "protection": ("支援措置の登録・変更", "{支援|しえん}の {登録|とうろく}", "setting or changing protection"),
    "policy": ("運用ルールの変更", "きまりを かえる こと", "changing a policy"),
    "begin-work": ("手続の開始", "てつづきを はじめる こと", "beginning a procedure"),
    "card-work": ("カードへの書込み", "カードに {書|か}く こと", "writing to a card"),
    "record-check": ("本人確認の登録", "たしかめた ことの {登録|とうろく}", "recording a confirmed check"),
    "refuse-check": (
        "郵便局での本人確認を承認しないこと",
        "{郵便局|ゆうびんきょく}で たしかめた ことを {承認|しょうにん}しない こと",
        "refusing a check at a post office",
    ),
    "see-address": ("住所を1回だけ見ること", "{住所|じゅうしょ}を 1かい {見|み}る こと", "seeing an address once"),
    "give-code": ("ログイン用コードの発行", "ログインの コードを わたす こと", "giving a log-in code"),
    "give-up": ("手続の中止", "てつづきを やめる こと", "giving a procedure up"),
    "answer-case": ("住民の申出への回答", "{質問|しつもん}に こたえる こと", "answering a resident"),
    "incident": ("事故への対応", "{事故|じこ}の {対応|たいおう}", "a step of an incident"),
    "close-day": ("1日の締め", "1{日|にち}を しめる こと", "closing the day"),
    "receive-stock": ("カードの入庫", "あたらしい カードを うけとる こと", "receiving blank cards"),
}

WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "record": (
        "職員カードで署名します。暗証番号を入力してください",
        "{職員|しょくいん}カードで {署名|しょめい}します。{暗証番号|あんしょうばんごう}を {入|い}れてください",
        "Enter your PIN, to sign with your operator's card",
    ),
    "record-for": ("署名するもの", "{署名|しょめい}する もの", "What is signed"),
    "signed": ("このカードで署名したもの", "この カードで {署名|しょめい}した もの", "Signed with this card"),
    **{f"record-{what}": words for what, words in RECORDS.items()},
}
"""What the agent's page says about them."""
