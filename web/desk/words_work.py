"""Sentences of guided work."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
    "work-check": Words("対面での本人確認", "{会|あ}って {本人|ほんにん}を {確|たし}かめる", "In-person check"),
    "work-first-issue": Words("新しく発行", "{新|あたら}しく {作|つく}る", "First issue"),
    "work-renewal": Words("証明書の更新", "{証明書|しょうめいしょ}を {新|あたら}しくする", "Renewal"),
    "work-reissue": Words("カードの再発行", "カードを もう{一度|いちど} {作|つく}る", "Re-issue"),
    "work-loss": Words("紛失の届出", "カードを なくした", "Loss"),
    "work-suspension": Words("一時停止", "カードを {止|と}める", "Suspension"),
    "work-resumption": Words("一時停止の解除", "カードを また {使|つか}う", "End of a suspension"),
    "work-correction": Words("記録の訂正", "{記録|きろく}を {直|なお}す", "Correction"),
    "work-unlock": Words(
        "保護された住所の閲覧", "{守|まも}られた {住所|じゅうしょ}を {見|み}る", "Seeing a protected address"
    ),
    "step-evidence": Words("本人確認書類", "{本人|ほんにん}の {書類|しょるい}", "Documents"),
    "step-details": Words("内容", "ないよう", "Details"),
    "step-confirmation": Words("市区町村の確認", "{役所|やくしょ}の {確認|かくにん}", "Municipality confirms"),
    "step-approval": Words("2人目の承認", "2{人|り}{目|め}の {承認|しょうにん}", "Second person"),
    "step-keys": Words("カードで鍵を作る", "カードで {鍵|かぎ}を {作|つく}る", "Keys on the card"),
    "step-pins": Words("暗証番号", "{暗証番号|あんしょうばんごう}", "PINs"),
    "step-certificates": Words("証明書を書き込む", "{証明書|しょうめいしょ}を {入|い}れる", "Certificates"),
    "step-carry-out": Words("記録", "{記録|きろく}", "Carry out"),
    "step-done": Words("完了", "おわり", "Done"),
    "step-refused": Words("認められませんでした", "だめでした", "Refused"),
    "step-given-up": Words("中止しました", "やめました", "Given up"),
    "steps": Words("手順", "{順番|じゅんばん}", "Steps"),
    "now": Words("いま", "いま", "now"),
    "evidence-how": Words(
        "本人が持参した書類を確認し、顔と写真を見比べてください。写真のない書類は2点必要です。",
        "{書類|しょるい}を {見|み}ます。{顔|かお}と {写真|しゃしん}を くらべます。{写真|しゃしん}が ない {書類|しょるい}は 2つ いります。",
        "Look at what the person brought and compare the face with the photo. Without a photo, two documents are needed.",
    ),
    "document": Words("書類 %(number)s", "{書類|しょるい} %(number)s", "Document %(number)s"),
    "document-kind": Words("書類の種類", "{書類|しょるい}", "Kind of document"),
    "document-none": Words("なし", "なし", "none"),
    "expires-on": Words("有効期限", "いつまで", "Expires on"),
    "photo-matched": Words(
        "顔と写真が一致しています", "{顔|かお}と {写真|しゃしん}が {同|おな}じです", "The face matches the photo"
    ),
    "present": Words("本人が窓口に来ています", "{本人|ほんにん}が {来|き}ています", "The person is here in person"),
    "record": Words("記録して次へ", "{記録|きろく}して つぎへ", "Record and go on"),
    "send-up": Words("記録して承認を求める", "{承認|しょうにん}を たのむ", "Record and ask for approval"),
    "details-card": Words("止めるカード", "{止|と}める カード", "Card to stop"),
    "details-event": Words("訂正する記録", "{直|なお}す {記録|きろく}", "Event to take back"),
    "details-loss": Words(
        "届出を記録すると、カードと証明書はすぐに使えなくなります。元には戻せません。",
        "すぐに {使|つか}えなくなります。もとに もどせません。",
        "The card and its certificates end at once. There is no way back.",
    ),
    "details-suspension": Words(
        "記録すると、カードはすぐに使えなくなります。解除は本人が窓口で行います。",
        "すぐに {使|つか}えなくなります。また {使|つか}うには {窓口|まどぐち}に {来|き}ます。",
        "The card stops at once. Only its holder in person can have it lifted.",
    ),
    "do-it": Words("実行する", "する", "Do it"),
    "signing-wait": Words(
        "職員カードの署名を待っています。リーダーの画面で暗証番号を求められていないか、確かめてください。",
        "{職員|しょくいん}カードの {署名|しょめい}を まっています。リーダーの {画面|がめん}を {見|み}てください。",
        "Waiting for your card's signature. See whether the reader's page asks for your PIN.",
    ),
    "waiting-approval": Words(
        "別の席の承認を待っています。この画面は自動的に変わります。",
        "ほかの {席|せき}の {承認|しょうにん}を まっています。",
        "Waiting for the second person at another seat. This page changes by itself.",
    ),
    "waiting-confirmation": Words(
        "市区町村の確認を待っています。この画面は自動的に変わります。",
        "{役所|やくしょ}の {確認|かくにん}を まっています。",
        "Waiting for the municipality to confirm. This page changes by itself.",
    ),
    "waiting-until": Words("期限: %(time)s", "%(time)s まで", "until %(time)s"),
    "confirmed-now": Words(
        "市区町村が確認しました。本人確認を記録してください。",
        "{役所|やくしょ}が {確認|かくにん}しました。{記録|きろく}してください。",
        "The municipality confirmed. Record the check now.",
    ),
    "approved-now": Words("承認されました。", "{承認|しょうにん}されました。", "It was approved."),
    "unlock-once": Words(
        "住所を1回だけ表示します。閲覧は記録されます。",
        "{住所|じゅうしょ}を 1{回|かい}だけ {見|み}せます。",
        "The address is shown once. The look is recorded.",
    ),
    "unlock-see": Words("住所を表示する", "{住所|じゅうしょ}を {見|み}る", "Show the address"),
    "keys-how": Words(
        "発行するカードをリーダーに入れてください。鍵はカードの中で作られ、外に出ません。",
        "カードを リーダーに {入|い}れてください。{鍵|かぎ}は カードの {中|なか}で {作|つく}ります。",
        "Put the card to be issued into the reader. Its keys are made inside it and never leave it.",
    ),
    "pins-how": Words(
        "リーダーの画面で、本人に暗証番号を決めてもらいます。職員には見えません。",
        "リーダーの {画面|がめん}で {暗証番号|あんしょうばんごう}を きめてもらいます。{職員|しょくいん}は {見|み}えません。",
        "The resident chooses the PINs on the reader's screen. You do not see them.",
    ),
    "certificates-how": Words(
        "証明書をカードに書き込み、読み戻して確かめます。カードを抜かないでください。",
        "{証明書|しょうめいしょ}を カードに {入|い}れます。カードを {抜|ぬ}かないでください。",
        "The certificates are written to the card and read back. Do not take the card out.",
    ),
    "step-present": Words("カードと暗証番号", "カードと {番号|ばんごう}", "Card and PIN"),
    "present-how": Words(
        "%(card)s をリーダーに入れ、本人がリーダーの画面で利用者証明用の暗証番号を入力します。職員には見えません。期限は %(day)s です。",
        "%(card)s を リーダーに {入|い}れます。{本人|ほんにん}が {番号|ばんごう}を {入|い}れます。%(day)s までです。",
        "Put %(card)s into the reader; its holder enters the authentication PIN on the reader's screen. You do not see "
        "it. It is due by %(day)s.",
    ),
    "start-present": Words("暗証番号の確認を始める", "{番号|ばんごう}を たしかめる", "Have the PIN entered"),
    "running-present": Words(
        "本人がリーダーの画面で暗証番号を入力しています…",
        "{本人|ほんにん}が {番号|ばんごう}を {入|い}れています…",
        "The holder is entering the PIN at the reader …",
    ),
    "done-continue": Words(
        "カードは引き続きこの市区町村で使えます。カードを本人に渡してください。",
        "カードは これからも {使|つか}えます。カードを {渡|わた}してください。",
        "The card goes on in this municipality. Hand it to its holder.",
    ),
    "start-keys": Words("鍵を作る", "{鍵|かぎ}を {作|つく}る", "Make the keys"),
    "start-pins": Words("暗証番号の入力を始める", "{暗証番号|あんしょうばんごう}を {入|い}れる", "Start PIN entry"),
    "start-certificates": Words("証明書を書き込む", "{証明書|しょうめいしょ}を {入|い}れる", "Write the certificates"),
    "running-keys": Words(
        "カードが鍵を作っています…", "カードが {鍵|かぎ}を {作|つく}っています…", "The card is making its keys …"
    ),
    "running-pins": Words(
        "本人がリーダーの画面で暗証番号を決めています…",
        "{本人|ほんにん}が {暗証番号|あんしょうばんごう}を きめています…",
        "The resident is choosing the PINs at the reader …",
    ),
    "running-certificates": Words(
        "証明書を書き込んでいます…", "カードに {入|い}れています…", "Writing and reading back …"
    ),
    "stopped": Words("途中で止まりました。", "{止|と}まりました。", "It stopped."),
    "stopped-again": Words(
        "もう一度押すと、止まったところから続きます。",
        "もう{一度|いちど} {押|お}すと つづきます。",
        "Press again: it goes on from where it stopped.",
    ),
    "done-check": Words(
        "本人確認を記録しました。オンラインの手続は%(limit)s回のうち%(used)s回使用です。次は %(by)s までに対面で確認します。",
        "{記録|きろく}しました。オンラインは %(limit)s{回|かい}の うち %(used)s{回|かい}。つぎは %(by)s までです。",
        "The check is recorded: %(used)s of %(limit)s remote changes used, in person again by %(by)s.",
    ),
    "done-issue": Words(
        "証明書をカードに書き込み、読み戻して確かめました。カードを本人に渡してください。",
        "できました。カードを {渡|わた}してください。",
        "The certificates are on the card, read back and compared. Hand the card to its holder.",
    ),
    "done-stop": Words("カードを止めました。", "カードを {止|と}めました。", "The card is stopped."),
    "done-plain": Words("記録しました。", "{記録|きろく}しました。", "Recorded."),
    "give-up": Words("中止する", "やめる", "Give up"),
    "decided-by": Words("決めた人: %(who)s (%(reason)s)", "%(who)s (%(reason)s)", "Decided by %(who)s (%(reason)s)"),
    "started": Words("開始", "はじめ", "Begun"),
    "to-person": Words("この住民の画面へ", "この {人|ひと}の {画面|がめん}へ", "To this resident"),
}
