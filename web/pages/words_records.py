"""What records of access, questions about them and incidents call things: for whoever they concern and for officers."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
    "function": Words("どのしくみで", "どの しくみで", "By which function"),
    "reason": Words("なぜ", "なぜ", "Why"),
    "affairs": Words("どの事務で", "なんの {仕事|しごと}で", "For which affairs"),
    "from": Words("どこから", "どこから", "From"),
    "to": Words("だれへ", "だれへ", "To whom"),
    "what": Words("何を", "{何|なに}を", "What"),
    "legal-basis": Words("根拠", "{決|き}まり", "Legal basis"),
    "result": Words("結果", "けっか", "Result"),
    "field-name": Words("氏名", "{名前|なまえ}", "name"),
    "field-date-of-birth": Words("生年月日", "{生|う}まれた {日|ひ}", "date of birth"),
    "field-gender": Words("性別", "{男|おとこ}か {女|おんな}か", "gender"),
    "field-address": Words("住所", "{住所|じゅうしょ}", "address"),
    "no-fields": Words(
        "氏名や住所などは渡していません",
        "{名前|なまえ}も {住所|じゅうしょ}も わたしていません",
        "no name, address or other attribute",
    ),
    "result-provided": Words("渡しました", "わたしました", "provided"),
    "result-masked": Words(
        "住所を伏せて渡しました", "{住所|じゅうしょ}を かくしました", "provided without the address"
    ),
    "result-unlocked": Words(
        "二人の職員が認めて住所も渡しました",
        "{二人|ふたり}が きめて わたしました",
        "with the address, by two officers' leave",
    ),
    "result-used-for-certificate": Words(
        "証明書を作るために使いました", "カードを {作|つく}るために {使|つか}いました", "used to make your certificate"
    ),
    "result-copied": Words(
        "暗号化した控えに入れました（だれも見ていません）",
        "かぎを かけて しまいました（だれも {見|み}て いません）",
        "put, encrypted, into a backup copy; nobody saw it",
    ),
    "result-compared": Words("変更と照らし合わせました", "くらべました", "compared with a change"),
    "case-due": Words(
        "%(day)s までに返事が来ます", "%(day)s までに {返事|へんじ}が {来|き}ます", "Answered by %(day)s"
    ),
    "case-overdue": Words("返事の期限が過ぎています", "{返事|へんじ}が おくれています", "The answer is overdue"),
    "case-open": Words("調べています", "しらべています", "Being looked into"),
    "case-answered": Words("返事が来ました", "{返事|へんじ}が {来|き}ました", "Answered"),
    "case-disputed": Words("もう一度調べています", "もう{一度|いちど} しらべています", "Being looked into again"),
    "case-closed": Words("終わりました", "おわりました", "Closed"),
    "finding-rightful": Words("正しい利用でした", "{正|ただ}しい {利用|りよう}でした", "It was rightful"),
    "finding-mistake": Words("誤りでした", "まちがいでした", "It was a mistake"),
    "finding-unlawful": Words("不正な閲覧でした", "わるい ことでした", "It was unlawful"),
    "incident-mistaken-inquiry": Words("誤った照会", "まちがえて {見|み}ました", "Mistaken inquiry"),
    "incident-mistaken-provision": Words("誤った提供", "まちがえて わたしました", "Mistaken provision"),
    "incident-wrong-value": Words("誤った内容の登録", "まちがった {内容|ないよう}", "Wrong value entered"),
    "incident-leak": Words("漏えい", "もれました", "Leak"),
    "incident-owner": Words("市区町村", "まち", "Municipality"),
    "incident-kind": Words("何が起きたか", "{何|なに}が あったか", "What happened"),
    "incident-day": Words("わかった日", "わかった {日|ひ}", "Found on"),
    "incident-record": Words("関係する記録", "{関係|かんけい}する {記録|きろく}", "Record concerned"),
    "notice-incident": Words(
        "あなたの情報の取扱いに誤りがありました",
        "あなたの {情報|じょうほう}で まちがいが ありました",
        "There was an incident with your data",
    ),
    "notice-paper": Words("お知らせ", "お{知|し}らせ", "Notice"),
    "notice-paper-more": Words(
        "経過はここで読めます。だれが見たかは「わたしのページ」か窓口で確かめられます。",
        "ここで {読|よ}めます。だれが {見|み}たかは {窓口|まどぐち}でも わかります。",
        "Read here what was done about it. Who looked at you: on My pages, or at a counter.",
    ),
    "code-incident-notice": Words("お知らせの手紙を作る", "お{知|し}らせの {手紙|てがみ}", "Printing a notice to you"),
    "incident-people": Words("関係する人数", "{人|ひと}の {数|かず}", "People concerned"),
    "fewer-than": Words("%(count)s 人未満", "%(count)s {人|にん}より {少|すく}ない", "fewer than %(count)s"),
    "incident-timeline": Words("経過", "これまで", "Timeline"),
    "incident-yours": Words(
        "あなたの記録 %(count)s 件が関係しています。",
        "あなたの {記録|きろく} %(count)s が {関係|かんけい}しています。",
        "%(count)s of your records are concerned.",
    ),
    "moment-find": Words("見つかりました", "{見|み}つかりました", "Found"),
    "moment-scope": Words("関係する人を調べました", "{人|ひと}を しらべました", "Whom it concerns was found"),
    "moment-notify": Words("本人に知らせました", "{知|し}らせました", "Everybody concerned was told"),
    "moment-notify-drill": Words(
        "訓練: 知らせる手順をふみました（だれにも知らせていません）",
        "れんしゅう: だれにも {知|し}らせて いません",
        "Drill: telling was gone through; nobody was told",
    ),
    "record-destroyed": Words(
        "この記録は、7年の保存期間が過ぎたので消されました。",
        "この {記録|きろく}は 7{年|ねん}が すぎたので {消|け}しました。",
        "This record was kept for seven years and then destroyed.",
    ),
    "moment-close": Words("終わりました", "おわりました", "Closed"),
    "code-certificate-issue": Words("証明書の発行", "カードを つくる", "Issue of certificates"),
    "code-certification-authority": Words("認証局", "カードを つくる ところ", "Certificate authority"),
    "code-desk": Words("窓口", "{窓口|まどぐち}", "Counter"),
    "code-terminal": Words("職員の端末", "{職員|しょくいん}の {機械|きかい}", "Staff terminal"),
    "code-citizen": Words("わたしのページ", "わたしの ページ", "My pages"),
    "code-relying-party": Words("サービス事業者の確認", "サービスの {会社|かいしゃ}", "Check by a service"),
    "code-verification": Words(
        "署名やログインの確認", "{署名|しょめい}や ログインの {確認|かくにん}", "Check of a signature or log-in"
    ),
    "code-code-letter": Words("確認の手紙", "{手紙|てがみ}", "Letter with a code"),
    "code-residence-evidence": Words("住所の確認", "{住所|じゅうしょ}を たしかめる", "Proof of the address"),
    "code-post": Words("郵便", "{郵便|ゆうびん}", "Post"),
    "code-emergency": Words("緊急時の参照", "{緊急|きんきゅう}の とき", "Emergency reading"),
    "code-snapshot": Words("控えの作成", "うつしを {作|つく}る", "Backup copy"),
    "code-backup": Words("災害や故障への備え", "こまった ときの ために", "So that nothing is lost in a disaster"),
    "code-drill": Words("備えの訓練", "れんしゅう", "Drill"),
    "code-channel": Words(
        "支援措置の有無を知らせる先", "まもる しくみを {知|し}らせる ところ", "Channel that masks your address"
    ),
    "code-support-measure": Words("支援措置", "まもる しくみ", "Support measure"),
    "code-inquiry": Words("照会", "{聞|き}かれました", "Inquiry"),
    "code-log-in": Words("ログイン", "ログイン", "Log-in"),
    "code-verification of a signature": Words(
        "署名の確認", "{署名|しょめい}の {確認|かくにん}", "Check of a signature"
    ),
    "code-status of a certificate": Words(
        "証明書の状態の確認",
        "{証明書|しょうめいしょ}が {使|つか}えるかの {確認|かくにん}",
        "Whether your certificate is good",
    ),
    "code-support": Words("運用の担当者", "{係|かかり}の {人|ひと}", "Support staff"),
    "code-ledger-show": Words("台帳の参照", "{記録|きろく}を {見|み}た", "Your ledger was read"),
    "code-certificate-show": Words("証明書の参照", "{証明書|しょうめいしょ}を {見|み}た", "Your certificate was read"),
    "code-jpki": Words("公的個人認証の事務", "カードの {仕事|しごと}", "Card and certificates"),
    "code-household-move": Words("引越しの届出", "ひっこし", "Filing of a move"),
    "code-household": Words("同じ世帯の人", "{家族|かぞく}", "Your household"),
    "code-self": Words("あなた自身", "あなた", "Yourself"),
    "code-open": Words("記録を開いた", "{記録|きろく}を {見|み}た", "Record opened"),
    "code-search": Words("検索", "さがした", "Search"),
    "code-counter": Words("来庁", "{来|き}た とき", "at the counter"),
    "code-telephone": Words("電話", "でんわ", "by telephone"),
    "code-application": Words("申請", "{申請|しんせい}", "application"),
    "code-unlock": Words(
        "二人の承認による住所の参照", "{二人|ふたり}で きめて {見|み}た", "Address seen by two officers' leave"
    ),
    "code-card-application": Words("カードの申請", "カードの {申請|しんせい}", "Card application"),
    "code-first-issue": Words("最初の発行", "はじめて もらう", "First issue"),
    "code-renewal": Words("更新", "{更新|こうしん}", "Renewal"),
    "code-reissue": Words("再発行", "もう{一度|いちど} もらう", "Re-issue"),
    "code-remote-move": Words("オンラインの住所変更", "オンラインの ひっこし", "Online change of address"),
    "code-remote-reissue": Words("オンラインの再発行", "オンラインの {再発行|さいはっこう}", "Online re-issue"),
    "code-remote-renewal": Words("オンラインの更新", "オンラインの {更新|こうしん}", "Online renewal"),
    "code-gateway": Words(
        "住民記録からの通知", "{市役所|しやくしょ}からの お{知|し}らせ", "Message of the resident record"
    ),
    "code-resident-record": Words("住民記録の事務", "{住民|じゅうみん}の {記録|きろく}", "Resident record"),
    "code-attributes-changed": Words(
        "氏名や住所の変更", "{名前|なまえ}や {住所|じゅうしょ}が かわった", "Change of name or address"
    ),
    "code-attribute-change": Words("窓口での変更", "{窓口|まどぐち}で かえた", "Change at a counter"),
    "code-move": Words("転居・転出入", "ひっこし", "Move"),
    "code-death": Words("死亡の届出", "{亡|な}くなった", "Death"),
    "code-protection": Words("支援措置", "{守|まも}る しくみ", "Protection"),
    "code-correction": Words("訂正", "なおした", "Correction"),
    "code-retraction": Words("取消し", "とりけした", "Retraction"),
    "code-official-change": Words("職権による修正", "{市役所|しやくしょ}が なおした", "Official change"),
    "code-end-of-service": Words("記録の終了", "{記録|きろく}の おわり", "End of the record"),
    "code-reinstate": Words("記録の復活", "{記録|きろく}が もどった", "Record goes on again"),
    "code-counter-change": Words("窓口での変更", "{窓口|まどぐち}で かえた", "Change at a counter"),
}
