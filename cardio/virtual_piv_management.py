"""The little of a YubiKey's management application that Yubico's software asks for before it looks at PIV.

Source: Yubico, "Management application": SELECT answers a text with the version, 1D gives the device information.
"""

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.virtual_piv_memory import Memory

APPLICATION = bytes.fromhex("A000000527471117")

_READ_CONFIGURATION = 0x1D
_PIV = 0x0010
_FORM_FACTOR_USB_A_KEYCHAIN = 0x01


def greeting(memory: Memory) -> bytes:
    """What SELECT answers."""
    return f"Virtual mgr - FW version {'.'.join(str(part) for part in memory.firmware or ())}".encode()


def execute(memory: Memory, command: CommandApdu) -> ResponseApdu:
    """The device information: a length octet, then objects; PIV is the only application there is."""
    if command.ins != _READ_CONFIGURATION:
        return answer(0x6D00)
    if command.p1:
        return answer(0x9000, b"\0")  # further pages are empty
    body = (
        tlv.encode(0x01, _PIV.to_bytes(2, "big"))
        + tlv.encode(0x02, memory.serial.to_bytes(4, "big"))
        + tlv.encode(0x03, _PIV.to_bytes(2, "big"))
        + tlv.encode(0x04, bytes([_FORM_FACTOR_USB_A_KEYCHAIN]))
        + tlv.encode(0x05, bytes(memory.firmware or ()))
        + tlv.encode(0x0A, b"\0")
    )
    return answer(0x9000, bytes([len(body)]) + body)
