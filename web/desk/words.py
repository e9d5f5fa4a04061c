"""Every sentence of the desk, three times. Clerks read the first or the last; residents look on."""

from collections.abc import Mapping
from typing import Final

from web.desk.words_cases import WORDS as CASES
from web.desk.words_changes import WORDS as CHANGES
from web.desk.words_outage import WORDS as OUTAGE
from web.desk.words_work import WORDS as WORK
from web.pages.wording import Words
from web.pages.words import WORDS as SHARED
from web.pages.words_records import WORDS as RECORDS

WORDS: Final[Mapping[str, Words]] = {
    **SHARED,
    **RECORDS,
    **CASES,
    **WORK,
    **CHANGES,
    **OUTAGE,
    "desk": Words("窓口", "{窓口|まどぐち}", "Counter desk"),
    "desk-title": Words("窓口 カードと本人確認", "{窓口|まどぐち}", "Counter desk: cards and identity"),
    # log-in
    "log-in": Words("ログイン", "ログイン", "Log in"),
    "log-in-how": Words(
        "職員カードをカードリーダーに入れ、暗証番号をカードリーダーの画面で入力します。",
        "{職員|しょくいん}カードを リーダーに {入|い}れます。{暗証番号|あんしょうばんごう}は リーダーの {画面|がめん}で {入|い}れます。",
        "Put your operator's card into the reader; the PIN is typed on the reader's own screen.",
    ),
    "pair-title": Words("1. カードリーダーとつなぐ", "1. リーダーと つなぐ", "1. Pair with the card reader"),
    "pair-how": Words(
        "カードリーダーの画面に、次の番号を入力してください。番号は5分間、1回だけ使えます。",
        "リーダーの {画面|がめん}に この {番号|ばんごう}を {入|い}れてください。5{分|ふん}のあいだ 1{回|かい}だけ {使|つか}えます。",
        "Type this code into the card reader's page. It works once, for five minutes.",
    ),
    "pair-where": Words("カードリーダーの画面", "リーダーの {画面|がめん}", "The card reader's page"),
    "paired": Words(
        "カードリーダーとつながっています。", "リーダーと つながっています。", "The card reader is paired."
    ),
    "card-title": Words("2. 職員カードでログイン", "2. カードで ログイン", "2. Log in with your card"),
    "card-do": Words("カードでログイン", "カードで ログインする", "Log in with card"),
    "card-needs-script": Words(
        "カードを使うには JavaScript が必要です。ほかの操作は JavaScript なしでもできます。",
        "カードを {使|つか}うには JavaScript が いります。",
        "The card needs JavaScript. Everything else works without it.",
    ),
    "reader-choose": Words("カードリーダーを選ぶ", "リーダーを えらぶ", "Choose the reader"),
    "passkey-title": Words("カードが使えないとき", "カードが {使|つか}えない とき", "If your card cannot be used"),
    "passkey-do": Words("セキュリティキーでログイン", "セキュリティキーで ログイン", "Log in with a security key"),
    "passkey-add": Words(
        "セキュリティキーを登録する", "セキュリティキーを {登録|とうろく}する", "Register a security key"
    ),
    "passkey-added": Words("登録しました。", "{登録|とうろく}しました。", "Registered."),
    "operator-id": Words("職員番号", "{職員番号|しょくいんばんごう}", "Operator number"),
    "state-wait-pin": Words(
        "カードリーダーの画面で暗証番号を入力してください。",
        "リーダーの {画面|がめん}で {暗証番号|あんしょうばんごう}を {入|い}れてください。",
        "Enter the PIN on the card reader's page.",
    ),
    "state-no-agent": Words(
        "カードリーダーのプログラムが見つかりません。この PC で起動しているか確かめてください。",
        "リーダーの プログラムが {動|うご}いていません。",
        "The card reader's program is not running on this PC. Start it, then try again.",
    ),
    "state-no-card": Words(
        "カードが入っていません。職員カードを入れてください。",
        "カードを {入|い}れてください。",
        "There is no card. Put your card in.",
    ),
    "state-choose-reader": Words(
        "カードが2枚以上入っています。リーダーを選んでください。",
        "カードが 2{枚|まい} あります。リーダーを えらんでください。",
        "There is more than one card. Choose the reader.",
    ),
    "state-second-page": Words(
        "別のタブがカードリーダーを使っています。そのタブを閉じてください。",
        "ほかの タブが {使|つか}っています。とじてください。",
        "Another tab uses the card reader. Close it.",
    ),
    "state-cancelled": Words("取り消されました。", "やめました。", "It was cancelled."),
    "state-timed-out": Words("時間が過ぎました。", "{時間|じかん}が すぎました。", "It took too long."),
    "state-blocked": Words(
        "職員カードの暗証番号がロックされています。管理者に連絡して、新しい職員カードを受け取ってください。",
        "{暗証番号|あんしょうばんごう}が ロックされています。{管理者|かんりしゃ}から {新|あたら}しい カードを もらってください。",
        "The PIN of your staff card is locked. Tell your administrator, who gives you a new card.",
    ),
    "state-failed": Words(
        "カードを使えませんでした。入れ直してください。",
        "カードが {使|つか}えません。{入|い}れなおしてください。",
        "The card could not be used. Put it in again.",
    ),
    "state-lost": Words(
        "カードリーダーとの接続が切れました。つなぎ直しています。",
        "リーダーとの {接続|せつぞく}が きれました。まっています。",
        "The connection to the reader was lost. Waiting for it.",
    ),
    # home
    "find": Words("住民をさがす", "{人|ひと}を さがす", "Find a resident"),
    "find-how": Words(
        "氏名と生年月日が一致する、この市区町村の住民だけが見つかります。検索と閲覧は記録され、本人が見られます。",
        "{名前|なまえ}と {生|う}まれた {日|ひ}が あう {人|ひと}だけ みつかります。さがしたことは {記録|きろく}され、その{人|ひと}が {見|み}られます。",
        "Only residents of this municipality whose name and date of birth match are found. Each look is recorded, and "
        "the person can see it.",
    ),
    "name": Words("氏名", "{名前|なまえ}", "Name"),
    "born": Words("生年月日", "{生|う}まれた {日|ひ}", "Date of birth"),
    "reason": Words("理由", "{理由|りゆう}", "Reason"),
    "reason-counter": Words("窓口に来庁", "{窓口|まどぐち}に {来|き}た", "The person is at the counter"),
    "reason-telephone": Words("電話での届出", "{電話|でんわ}", "The person telephones"),
    "reason-application": Words("申請の処理", "{申請|しんせい}", "An application is processed"),
    "find-do": Words("さがす", "さがす", "Search"),
    "find-card": Words(
        "入っているカードでさがす", "{入|はい}っている カードで さがす", "Find by the card in the reader"
    ),
    "found-nobody": Words("一致する人はいません。", "みつかりません。", "Nobody matches."),
    "found": Words("見つかった人", "みつかった {人|ひと}", "Found"),
    "open": Words("開く", "ひらく", "Open"),
    "open-work": Words("続きの作業", "つづきの {仕事|しごと}", "Work to go on with"),
    "no-work": Words("途中の作業はありません。", "とちゅうの {仕事|しごと}は ありません。", "Nothing is unfinished."),
    "keys-help": Words(
        "キー操作: F2 さがす、F3 カードでさがす、F4 続きの作業、F6 自宅の QR、F7 来庁予約、F8 承認待ち、F9 一日の締め、Esc はじめの画面",
        "キー: F2 さがす、F3 カード、F4 つづき、F6 QR、F7 {予約|よやく}、F8 {承認|しょうにん}、F9 {締|し}め、Esc はじめ",
        "Keys: F2 find, F3 find by card, F4 unfinished work, F6 QR from home, F7 booked visits, F8 approvals, "
        "F9 end of day, Esc start",
    ),
    "post-office": Words(
        "郵便局: 委託された事務だけを、来局した本人についてだけ行えます。",
        "{郵便局|ゆうびんきょく}: {来|き}た {人|ひと}の {手続|てつづ}きだけ できます。",
        "Post office: only the entrusted affairs, and only for the person who is here.",
    ),
    # person
    "person": Words("住民", "{人|ひと}", "Resident"),
    "gender": Words("性別", "{性別|せいべつ}", "Gender"),
    "gender-1": Words("男", "{男|おとこ}", "male"),
    "gender-2": Words("女", "{女|おんな}", "female"),
    "gender-3": Words("不明", "わからない", "unknown"),
    "gender-9": Words("適用不能", "なし", "not applicable"),
    "address": Words("住所", "{住所|じゅうしょ}", "Address"),
    "status": Words("状態", "{状態|じょうたい}", "Status"),
    "status-resident": Words("住民登録あり", "{住|す}んでいる", "resident"),
    "status-emigrated": Words("国外転出", "{外国|がいこく}へ {出|で}た", "emigrated"),
    "status-dead": Words("死亡", "{亡|な}くなった", "deceased"),
    "cards": Words("カードと証明書", "カードと {証明書|しょうめいしょ}", "Card and certificates"),
    "no-card-yet": Words("カードはまだありません。", "カードは まだ ありません。", "There is no card yet."),
    "card-number": Words("カード番号", "カード{番号|ばんごう}", "Card number"),
    "card-until": Words("カードの有効期限", "カードが {使|つか}える {日|ひ}まで", "Card valid until"),
    "card-in-reader": Words("リーダーの中", "リーダーの {中|なか}", "In the reader"),
    "tries": Words("あと何回まちがえられるか", "あと なんかい まちがえられるか", "Tries left"),
    "certificate": Words("証明書", "{証明書|しょうめいしょ}", "Certificate"),
    "purpose-signature": Words("署名用", "{署名用|しょめいよう}", "signature"),
    "purpose-authentication": Words("利用者証明用", "{利用者|りようしゃ}{証明用|しょうめいよう}", "authentication"),
    "valid-until": Words("有効期限", "いつまで", "Valid until"),
    "ended": Words("失効", "{使|つか}えない", "ended"),
    "valid": Words("有効", "{使|つか}える", "valid"),
    "promised": Words("発行待ち", "まっている", "promised"),
    "card-blank": Words("未使用", "まだ {使|つか}っていない", "blank"),
    "card-prepared": Words("準備中", "{準備|じゅんび}", "prepared"),
    "card-active": Words("使用中", "{使|つか}っている", "in use"),
    "card-suspended": Words("一時停止中", "{止|と}めている", "suspended"),
    "card-lost": Words("紛失", "なくした", "lost"),
    "card-damaged": Words("破損", "こわれた", "damaged"),
    "card-returned": Words("返納", "{返|かえ}した", "returned"),
    "card-ended": Words("終了", "{終|お}わった", "ended"),
    "trust": Words("対面確認からの距離", "{会|あ}って {確|たし}かめてから", "Distance from the last in-person check"),
    "trust-used": Words(
        "オンラインの手続: %(limit)s回のうち%(used)s回使用",
        "オンラインの {手続|てつづ}き: %(limit)s{回|かい}の うち %(used)s{回|かい} {使|つか}いました",
        "%(used)s of %(limit)s remote changes used",
    ),
    "trust-by": Words(
        "%(day)s までに対面での確認が必要",
        "%(day)s までに {会|あ}って {確|たし}かめます",
        "in person by %(day)s",
    ),
    "trust-never": Words(
        "対面での確認の記録がありません", "{会|あ}った {記録|きろく}が ありません", "never seen in person"
    ),
    "trust-ok": Words("オンラインの手続ができます", "オンラインで できます", "Remote changes are possible"),
    "trust-refused": Words("オンラインの手続はできません", "オンラインでは できません", "Remote changes are refused"),
    "why": Words("理由", "{理由|りゆう}", "Why"),
    "where": Words("どこで", "どこで", "Where"),
    "events": Words("これまでの記録", "これまで", "History"),
    "event-anchor": Words("対面での確認", "{会|あ}って {確|たし}かめた", "seen in person"),
    "event-remote-move": Words("オンラインの転居", "オンラインの {引|ひ}っこし", "remote move"),
    "event-remote-reissue": Words("オンラインの再発行", "オンラインの {再発行|さいはっこう}", "remote re-issue"),
    "event-remote-renewal": Words("オンラインの更新", "オンラインの {更新|こうしん}", "remote renewal"),
    "event-official-change": Words("職権による修正", "{役所|やくしょ}が {直|なお}した", "official change"),
    "event-correction": Words("訂正", "{直|なお}した", "correction"),
    "event-contact": Words("接触の記録", "{連絡|れんらく}", "contact"),
    "timeline": Words("これまでの図", "これまでの {図|ず}", "Timeline"),
    "today": Words("今日", "きょう", "today"),
    "do": Words("手続を始める", "{手続|てつづ}きを はじめる", "Begin"),
    # protection
    "band-title": Words("支援措置の対象者です", "{守|まも}らないと いけない {人|ひと}です", "Protected person"),
    "band-text": Words(
        "住所を口頭でも伝えないでください。印刷と出力はできません。連絡先: %(desk)s",
        "{住所|じゅうしょ}を {言|い}わないでください。{印刷|いんさつ}は できません。 %(desk)s",
        "Do not tell the address, not even by word. Printing and export are blocked. Contact: %(desk)s",
    ),
    "unlock": Words(
        "住所を見る(2人目の承認が必要)",
        "{住所|じゅうしょ}を {見|み}る(2{人|り}で)",
        "See the address (a second person must agree)",
    ),
    # queue
    "queue": Words("承認待ち", "{待|ま}っている {承認|しょうにん}", "Waiting for a decision"),
    "queue-empty": Words("待っているものはありません。", "ありません。", "Nothing is waiting."),
    "asked-by": Words("申出", "だれから", "Asked by"),
    "at-desk": Words("窓口", "どこ", "Desk"),
    "level": Words("確認の強さ", "{確認|かくにん}の {強|つよ}さ", "Strength of the check"),
    "expires": Words("期限", "いつまで", "Until"),
    "approve": Words("承認する", "{承認|しょうにん}する", "Approve"),
    "confirm-check": Words(
        "住民であることを確認する", "{住|す}んでいると {確認|かくにん}する", "Confirm that the record stands"
    ),
    "refuse": Words("認めない", "{認|みと}めない", "Refuse"),
    "decision-reason": Words("理由(必ず入力)", "{理由|りゆう}", "Reason (required)"),
    "decided": Words("記録しました。", "{記録|きろく}しました。", "Recorded."),
    # day
    "day": Words("一日の締め", "{一日|いちにち}の おわり", "End of the day"),
    "day-of": Words("%(day)s の件数", "%(day)s", "Work of %(day)s"),
    "kind": Words("手続", "{手続|てつづ}き", "Kind"),
    "count-done": Words("完了", "おわり", "Done"),
    "count-open": Words("途中", "とちゅう", "Unfinished"),
    "count-refused": Words("不承認・中止", "だめ・やめた", "Refused or given up"),
    "total": Words("合計", "ぜんぶ", "Total"),
    "stock": Words("未使用カードの在庫", "まだ {使|つか}っていない カード", "Blank cards"),
    "stock-opening": Words("朝の枚数", "{朝|あさ}の {枚数|まいすう}", "At opening"),
    "stock-received": Words("受入", "もらった", "Received"),
    "stock-used": Words("使用", "{使|つか}った", "Used"),
    "stock-voided": Words("うち作成を中止したもの", "やめた", "of which spoiled"),
    "stock-expected": Words("あるはずの枚数", "あるはず", "Expected now"),
    "stock-counted": Words("数えた枚数", "かぞえた", "Counted"),
    "stock-receive": Words("カードを受け入れる", "カードを もらう", "Receive blank cards"),
    "close-day": Words("締める", "{締|し}める", "Close the day"),
    "closed": Words("締めました。枚数は合っています。", "{合|あ}っています。", "Closed. The count is right."),
    "closed-wrong": Words(
        "締めました。%(off)s枚合っていません。理由: %(note)s",
        "%(off)s{枚|まい} ちがいます。%(note)s",
        "Closed with a difference of %(off)s. Note: %(note)s",
    ),
    "off-note": Words("合わないときの理由", "ちがう {理由|りゆう}", "If it differs: why"),
    "must-balance": Words(
        "枚数が合いません。数え直すか、理由を入力してください。",
        "{数|かず}が ちがいます。",
        "The count differs. Count again, or say why.",
    ),
    "changed": Words(
        "新しい内容があります。入力中のものを残すため、まだ表示していません。",
        "あたらしい ことが あります。{書|か}いているので まだ {出|だ}していません。",
        "There is something new. It is not shown yet, so that what you are typing stays.",
    ),
    "changed-look": Words("新しい内容を見る", "{見|み}る", "Show it"),
    "statistics": Words("統計", "{数|かず}", "Statistics"),
    "per-time": Words("時期ごとの件数", "いつ いくつ", "Work over time"),
    "per-desk": Words("窓口ごとの件数", "{窓口|まどぐち}の {数|かず}", "Work per desk"),
    "per-kind": Words("手続ごとの件数", "することの {数|かず}", "Work per kind"),
    "period": Words("期間", "いつから", "Period"),
    "period-week": Words("7日間", "7{日|か}", "Seven days"),
    "period-month": Words("30日間", "30{日|にち}", "Thirty days"),
    "period-year": Words("1年間(月ごと)", "1{年|ねん}", "A year, by month"),
    "near-misses": Words("ヒヤリ・ハット", "あぶなかった こと", "Near misses"),
    "near-when": Words("日時", "いつ", "When"),
    "near-what": Words("内容", "なに", "What"),
    "near-masked": Words(
        "保護された住所が求められ、表示されなかった回数(30日): %(count)s",
        "{守|まも}った {回数|かいすう}: %(count)s",
        "Protected addresses asked for and not shown, 30 days: %(count)s",
    ),
    # receipts
    "receipt": Words("受付票", "{受付票|うけつけひょう}", "Receipt"),
    "receipt-print": Words(
        "受付票を印刷する (PDF)", "{受付票|うけつけひょう}を {印刷|いんさつ}する", "Print the receipt (PDF)"
    ),
    "receipt-number": Words("受付番号", "{受付番号|うけつけばんごう}", "Receipt number"),
    "receipt-real": Words(
        "この受付票はこの窓口が発行したものです。", "{本物|ほんもの}です。", "This receipt was issued here."
    ),
    "receipt-unknown": Words("この番号の受付票はありません。", "ありません。", "There is no receipt of this number."),
    "receipt-prints": Words("印刷回数", "{印刷|いんさつ}した {回数|かいすう}", "Times printed"),
    "receipt-check": Words(
        "QR コードで、この受付票が本物か確かめられます。",
        "QR コードで {確|たし}かめられます。",
        "The QR code checks that this receipt is real.",
    ),
    "receipt-page": Words("受付票の確認", "{受付票|うけつけひょう}の {確認|かくにん}", "Checking a receipt"),
}
