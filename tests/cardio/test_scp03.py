"""SCP03 against what real cards answered, and against itself with faults in between.

The recorded sessions (INITIALIZE UPDATE to a first answer, levels 11, 03 and 33, three key lengths) are traces of a
real card published with osmocom/pysim, tests/unittests/test_globalplatform.py; keys 00 01 02 … as there.
"""

import pytest

from cardio.apdu import ResponseApdu, answer, parse_command
from cardio.errors import SecureChannelFailed
from cardio.scp03 import FULL, CardChannel, HostSession, KeySet, Level, card_challenge, key_check_value

H = bytes.fromhex

KEYS = {
    0x30: KeySet(0x30, bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))),
    0x31: KeySet(0x31, *(bytes(range(a, a + 16)) + bytes(range(a, a + 8)) for a in (0, 16, 32))),
    0x32: KeySet(0x32, *(bytes(range(a, a + 16)) * 2 for a in (0, 16, 32))),
}
PLAIN = ("80E2910006BF3E035C015A00", "80F22002", "80CA006600", "80F220020A4F0212345C054F9F70C5", "80F28002024F0000")
EID = "bf3e125a1089882119900000000000000000000005"

SESSIONS = [
    # INITIALIZE UPDATE, answer, EXTERNAL AUTHENTICATE, [the five of PLAIN secured], first secured answer
    ("8050300008b13e5f938fc108c400", "000000000000000000003003703eb51047495b249f66c484c1d2ef1948000002",
     "84821100107d5f5826a993ebc89eea24957fa0b3ce",
     ["84e291000ebf3e035c015a558d036518a2829700", "84f220020863a63f8959827fb2", "84ca006608a0c6a4a74166f7ce00",
      "84f22002124f0212345c054f9f70c52249b50272656536", "84f280020a4f00e91443f6dce6b8ed00"],
     EID + "971be68992dbbdfa"),
    ("80503000088e1552d0513c60f300", "0000000000000000000030037030760cd2c47c1dd395065fe5ead8a9d7000001",
     "8482030010fd4721a14d9b07003c451d2f8ae6bb21",
     ["84e2910018ca9c00f6713d79bc8baa642bdff51c3f6a4082d3bd9ad26c00", "84f2200208c9811b11f1264cf1",
      "84ca006608e10ab60b3054798800", "84f22002184e2908bdb48b2315a55482e9e936ca122d6ecfae7d17416e",
      "84f28002180dd10a6b6193e5340b9e77d32d5a179cd710ac2773aefb2800"], EID),
    ("8050300008fdf38259a1e0de4400", "000000000000000000003003703b1aca81e821f219081cdc01c26b372d000003",
     "84823300108c36f96bcc00724a4e13ad591d7da3f0",
     ["84e2910018267a85dfe4a98fca6fb0527e0dfecce4914e40401433c87f00", "84f2200208ac6a59024bed84cc",
      "84ca006608409912ad8fb7aed000", "84f22002185f3dafc3ac14c381536a488bf44e06d056df9d74dbd21e5a",
      "84f280021865165105be3373347d0424d4400af2ac393f569ec779389e00"],
     "f3ba2b1013aa6224f5e1c138d71805c569e5439b47576260b75fc021b25097cb2e68f8a0144975b9"),
    ("80503100087396430b768b085b00", "000000000000000000003103708cfc23522ffdbf1e5df5542cac8fd866000003",
     "84821100102145ed30b146f5db252fb7e624cec244",
     ["84e291000ebf3e035c015aff42cf801d14394400", "84f22002084584e4f6784811ee", "84ca006608937776ebe190fa3000",
      "84f22002124f0212345c054f9f70c59a52bddf3040368c", "84f280020a4f009804b11411f7393d00"],
     EID + "162fbd33e04940a9"),
    ("80503100089b3f2eef0e8c937400", "00000000000000000000310370f6bb305a15bae1a68f79fb08212fbed7000002",
     "84823300109100bc22d58b45b86a26365ce39ff3cf",
     ["84e29100188f7f946c84f70d17994bc6e8791251bb1bb1bf02cf8de58900", "84f2200208d5d97754b6b3d2ba",
      "84ca006608516c82b8e30adbeb00", "84f2200218cc247f4761e6944277a4e0d6e32e44025b1e31537e2fc668",
      "84f2800218ba22b63d509bef5d093b43e5eaed03ed23144ab2d9cb51de00"],
     "c05176c1b6f72aae50c32cbee63b0e95998928fd4dfb2be9f27ffde8c8476f5909b4805cc4039599"),
    ("805032000897b2055fe58599fd00", "00000000000000000000320370a8439a22cedf045fa9f1903b2834f26e000002",
     "8482330010508a0fd959d2e547c6b33154a6be2057",
     ["84e29100187a5ef717eaf1e135ae92fe54429d0e465decda65f5fe5aea00", "84f2200208bcc5c17275545d93",
      "84ca00660804806aba9d543bb600", "84f2200218717222491556ec81a45f49ce48be33320024801a1c4cb0e0",
      "84f2800218561f105bccd3a1642904b251ccc1228beb80a82370a8637000"],
     "ea90dbfa648a67c5eb6abc57f8530b97d0cd5647c5e8732016b55203b078dd2ace7f8bc5d1c1cd99"),
]  # fmt: skip


def keys_of(diversification: bytes, version: int) -> KeySet:
    assert diversification == bytes(10)
    return KEYS[version]


@pytest.mark.parametrize("session", SESSIONS, ids=lambda s: f"{s[0][4:6]}-{s[2][4:6]}")
def test_host_says_what_a_real_card_accepted(session: tuple[str, str, str, list[str], str]) -> None:
    initialize, answered, authenticate, secured, first_answer = session
    host = HostSession(keys_of, H(initialize)[5:13], Level(H(authenticate)[2]), H(initialize)[2])
    assert host.initialize_update().encode() == H(initialize)
    assert host.external_authenticate(answer(0x9000, H(answered))).encode() == H(authenticate)
    host.opened(answer(0x9000))
    for number, (plain, expected) in enumerate(zip(PLAIN, secured, strict=True)):
        assert host.wrap(parse_command(H(plain))).encode().hex() == expected
        if number == 0:
            assert host.unwrap(answer(0x9000, H(first_answer))) == answer(0x9000, H(EID))


@pytest.mark.parametrize("session", SESSIONS, ids=lambda s: f"{s[0][4:6]}-{s[2][4:6]}")
def test_card_side_takes_what_a_real_card_took(session: tuple[str, str, str, list[str], str]) -> None:
    initialize, answered, authenticate, secured, first_answer = session
    said = H(answered)
    card = CardChannel(KEYS[said[10]], said[:10], H(initialize)[5:13], said[13:21], said[12])
    assert card.answer == said[:29]
    card.external_authenticate(parse_command(H(authenticate)))
    for number, (plain, sent) in enumerate(zip(PLAIN, secured, strict=True)):
        assert card.unwrap(parse_command(H(sent))).encode() == H(plain)
        if number == 0:
            assert card.wrap(answer(0x9000, H(EID))).data.hex() == first_answer


def test_key_check_values() -> None:
    # Published for the same keys in osmocom/pysim.
    assert [key_check_value(k).hex().upper() for k in (KEYS[0x30].enc, KEYS[0x30].mac, KEYS[0x30].dek)] == [
        "C35280", "013808", "840DE5",
    ]  # fmt: skip


def opened() -> tuple[HostSession, CardChannel]:
    host = HostSession(keys_of, bytes(8), FULL, 0x30)
    card = CardChannel(KEYS[0x30], bytes(10), bytes(8), b"\x55" * 8)
    card.external_authenticate(host.external_authenticate(answer(0x9000, card.answer)))
    host.opened(answer(0x9000))
    return host, card


def test_each_changed_bit_of_a_command_is_found() -> None:
    for bit in range(8 * (len(opened()[0].wrap(parse_command(H(PLAIN[3]))).encode()))):
        host, card = opened()
        raw = bytearray(host.wrap(parse_command(H(PLAIN[3]))).encode())
        raw[bit // 8] ^= 1 << bit % 8
        try:
            command = parse_command(bytes(raw))
        except Exception:  # a length that does not fit never reaches the channel
            continue
        with pytest.raises(SecureChannelFailed):
            card.unwrap(command)


def test_each_changed_bit_of_an_answer_is_found() -> None:
    for bit in range(8 * 26):
        host, card = opened()
        card.unwrap(host.wrap(parse_command(H(PLAIN[0]))))
        raw = bytearray(card.wrap(answer(0x9000, b"0123456789")).encode())
        assert len(raw) == 26
        raw[bit // 8] ^= 1 << bit % 8
        changed = ResponseApdu(bytes(raw[:-2]), answer(int.from_bytes(raw[-2:], "big")).status)
        with pytest.raises(SecureChannelFailed):
            host.unwrap(changed)


def test_replay_reorder_and_drop_are_found() -> None:
    host, card = opened()
    first, second = (host.wrap(parse_command(H(p))) for p in PLAIN[:2])
    with pytest.raises(SecureChannelFailed):
        card.unwrap(second)
    host, card = opened()
    first = host.wrap(parse_command(H(PLAIN[0])))
    card.unwrap(first)
    with pytest.raises(SecureChannelFailed):
        card.unwrap(first)


def test_wrong_keys_on_either_side() -> None:
    wrong = KeySet(0x30, b"x" * 16, b"y" * 16, b"z" * 16)
    card = CardChannel(wrong, bytes(10), bytes(8), b"\x55" * 8)
    with pytest.raises(SecureChannelFailed, match="card cryptogram"):
        HostSession(keys_of, bytes(8)).external_authenticate(answer(0x9000, card.answer))
    with pytest.raises(SecureChannelFailed, match="host cryptogram"):
        card.external_authenticate(parse_command(H(SESSIONS[2][2])))
    assert not card.open


def test_levels_that_protect_nothing_are_not_offered() -> None:
    for level in (0x00, 0x02, 0x10, 0x30, 0x23):
        with pytest.raises(SecureChannelFailed):
            HostSession(keys_of, bytes(8), Level(level))


def test_pseudo_random_challenge_of_the_recorded_card() -> None:
    # i = 70: the challenge follows from the sequence counter and the ISD's AID, so the trace itself proves the
    # derivation.
    aid = H("A0000005591010FFFFFFFF8900000100")
    said = H(SESSIONS[2][1])
    assert card_challenge(KEYS[0x30].enc, said[29:32], aid) == said[13:21]
