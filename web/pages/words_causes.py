"""Why something with a card or its reader did not go on, for clerks and holders: by the agent's and the cards' codes."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

CAUSES: Final[Mapping[str, Words]] = {
    "cause-no-card": Words(
        "手続をする人のカードがリーダーに入っていません。",
        "カードが {入|はい}っていません。",
        "The resident's card is not in a reader.",
    ),
    "cause-choose-reader": Words(
        "カードが2枚以上入っています。使うカードだけにしてください。",
        "カードが {多|おお}すぎます。1{枚|まい}に してください。",
        "There are several cards. Leave in only the one to be used.",
    ),
    "cause-cancelled": Words("取り消されました。", "やめました。", "It was cancelled at the reader."),
    "cause-timed-out": Words(
        "時間内に入力されませんでした。", "{時間|じかん}が すぎました。", "Nobody answered in time."
    ),
    "cause-busy": Words(
        "リーダーは別の操作をしています。",
        "リーダーは いま つかっています。",
        "The reader is busy with something else.",
    ),
    "cause-not-held": Words(
        "カードとの通信が切れました。",
        "カードとの {通信|つうしん}が きれました。",
        "The conversation with the card was cut.",
    ),
    "cause-line-cut": Words(
        "リーダーとの接続が切れました。",
        "リーダーとの {接続|せつぞく}が きれました。",
        "The line to the reader was cut.",
    ),
    "cause-no-card-keys": Words(
        "カードの鍵を扱う装置が、この窓口では動いていません。",
        "カードの {鍵|かぎ}の {機械|きかい}が ありません。",
        "This service has no keys for cards: it cannot make one.",
    ),
    "cause-nothing-chosen": Words(
        "暗証番号がまだ決められていません。もう一度、暗証番号の入力から始めてください。",
        "{暗証番号|あんしょうばんごう}が まだ ありません。もう{一度|いちど} はじめてください。",
        "No PIN was chosen yet. Begin the PIN entry again.",
    ),
    "cause-not-agreed": Words(
        "カードの持ち主の同意がまだありません。リーダーの画面で、もう一度確かめてください。",
        "カードの {人|ひと}が まだ 「はい」と {言|い}っていません。もう{一度|いちど} してください。",
        "The card's holder has not agreed yet. Ask again at the reader.",
    ),
    "cause-not-logged-in": Words(
        "リーダーのプログラムに、職員のカードでログインした人がいません。もう一度、カードでログインしてください。",
        "ログインした{人|ひと}が いません。もう{一度|いちど} カードで ログインしてください。",
        "Nobody is logged in with a card at the reader's program. Log in again with the card.",
    ),
    "cause-another-card": Words(
        "ログインした人のカードではありません。ログインに使ったカードを置くか、もう一度ログインしてください。",
        "ログインした{人|ひと}の カードでは ありません。その{人|ひと}の カードを おいてください。",
        "This is not the card that logged in. Put that card back, or log in again.",
    ),
    "cause-unknown-act": Words(
        "リーダーのプログラムが、この手続を知りません。何も署名されていません。プログラムを新しくしてください。",
        "リーダーの プログラムが {古|ふる}いです。なにも {署名|しょめい}して いません。",
        "The reader's program does not know this act, so nothing was signed. It has to be updated.",
    ),
    "cause-not-paired": Words(
        "リーダーがこの画面とつながっていません。",
        "リーダーが つながっていません。",
        "The reader is not paired with this page.",
    ),
    "cause-wrong-ticket": Words(
        "リーダーは別の画面とつながっています。",
        "リーダーは ほかの {画面|がめん}と つながっています。",
        "The reader is paired with another page.",
    ),
    "cause-second-page": Words(
        "この画面は別の場所でも開かれています。",
        "ほかの ところでも {開|ひら}いています。",
        "This page is open somewhere else as well.",
    ),
    "cause-service-silent": Words(
        "リーダーのプログラムがこのサービスに届きません。",
        "サービスに とどきません。",
        "The reader's program cannot reach this service.",
    ),
    "cause-cardio.no-service": Words(
        "PC のカードの機能が止まっています。自動的に再開を待っています。",
        "カードの {機能|きのう}が {止|と}まっています。",
        "The PC's card service has stopped. The reader's program waits for it to come back.",
    ),
    "cause-cardio.no-reader": Words(
        "カードリーダーが見つかりません。ケーブルを確かめてください。",
        "カードリーダーが ありません。ケーブルを {見|み}てください。",
        "No card reader is connected. Check its cable.",
    ),
    "cause-cardio.no-card": Words("カードが抜かれました。", "カードが {抜|ぬ}かれました。", "The card was taken out."),
    "cause-cardio.removed": Words("カードが抜かれました。", "カードが {抜|ぬ}かれました。", "The card was taken out."),
    "cause-cardio.reset": Words(
        "別のプログラムがカードを使いました。",
        "ほかの プログラムが カードを {使|つか}いました。",
        "Another program used the card.",
    ),
    "cause-cardio.busy": Words(
        "別のプログラムがカードを使っています。",
        "ほかの プログラムが カードを {使|つか}っています。",
        "Another program is using the card.",
    ),
    "cause-cardio.transport": Words(
        "処理の途中でカードが抜かれたか、通信が切れました。",
        "とちゅうで カードが {抜|ぬ}かれました。",
        "The card was taken out in the middle, or the connection to it was cut.",
    ),
    "cause-cardio.protocol": Words(
        "カードリーダーから正しい答えが返りません。",
        "カードリーダーの {答|こた}えが おかしいです。",
        "The reader gave an answer that is none.",
    ),
    "cause-cardio.connection-failed": Words(
        "カードと通信できませんでした。", "カードと {話|はな}せませんでした。", "The card could not be reached."
    ),
    "cause-cardio.swapped": Words(
        "途中で別のカードに替わっています。始めたときのカードを入れてください。",
        "ちがう カードです。はじめの カードを {入|い}れてください。",
        "This is another card than the one before. Put the first one in again.",
    ),
    "cause-cardio.not-this-kind": Words(
        "このサービスのカードではありません。",
        "ここで {使|つか}う カードでは ありません。",
        "This is not a card of this service.",
    ),
    "cause-cardio.refused": Words("カードが処理を断りました。", "カードが ことわりました。", "The card refused."),
    "cause-cardio.secure-channel-failed": Words(
        "カードの鍵が合いません。別のカードを使い、このカードは管理者に渡してください。",
        "カードの {鍵|かぎ}が ちがいます。ほかの カードを {使|つか}います。",
        "The card's keys do not match. Take another card, and hand this one to whoever looks after cards.",
    ),
    "cause-cardio.certificate-mismatch": Words(
        "カードから読み戻した証明書が、書き込んだものと違います。",
        "{入|い}れた ものと ちがいます。",
        "What was read back from the card is not what was written.",
    ),
    "cause-cardio.wrong-card-state": Words(
        "カードの状態が、この手続に合いません。",
        "この カードでは できません。",
        "The card's state does not fit this step.",
    ),
    "cause-cardio.pin-blocked": Words(
        "暗証番号が止まっています。本人が窓口で暗証番号を再設定できます。",
        "{暗証番号|あんしょうばんごう}が {止|と}まっています。{窓口|まどぐち}で なおせます。",
        "The PIN is blocked. Its holder can have it reset at a counter.",
    ),
    "cause-cardio.wrong-pin": Words(
        "暗証番号が違います。", "{暗証番号|あんしょうばんごう}が ちがいます。", "The PIN was wrong."
    ),
    "cause-cardio.last-try": Words(
        "あと1回で止まるため、入力していません。",
        "あと 1{回|かい}で {止|と}まります。",
        "Only one try is left, so the PIN was not entered.",
    ),
    "cause-cardio.pin-malformed": Words(
        "暗証番号の文字か長さが合いません。",
        "{番号|ばんごう}の {長|なが}さが ちがいます。",
        "The PIN has the wrong length or characters.",
    ),
    "cause-cardio.pin-mismatch": Words(
        "2回の入力が同じではありません。", "2{回|かい}が ちがいます。", "The two entries were not the same."
    ),
    "cause-cardio.pin-entry-cancelled": Words(
        "リーダーのボタンで取り消されました。", "やめました。", "It was cancelled on the reader."
    ),
    "cause-cardio.pin-entry-timed-out": Words(
        "リーダーで時間内に入力されませんでした。",
        "{時間|じかん}が すぎました。",
        "Nothing was entered on the reader in time.",
    ),
}
