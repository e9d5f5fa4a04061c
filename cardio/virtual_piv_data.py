"""A virtual PIV card's data objects: GET DATA and PUT DATA.

Source: SP 800-73-4 part 2, 3.1.2 and 3.3.2; read rules: part 1 table 2.
"""

from collections.abc import Mapping

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.piv_objects import DISCOVERY, READ_WITH_PIN, discovery_object
from cardio.piv_templates import DATA, TAG_LIST
from cardio.virtual_card import Refusal
from cardio.virtual_piv_memory import Memory
from cardio.virtual_piv_session import (
    NOT_ENOUGH_MEMORY,
    NOT_FOUND,
    SECURITY_NOT_SATISFIED,
    WRONG_DATA,
    WRONG_PARAMETERS,
    Handler,
    Session,
)
from pki.errors import Malformed

MAX_OBJECT = 3072
"""Octets of one object's content, about what real cards hold."""
MAX_OBJECTS = 64

_STANDARD_TAGS = frozenset({0x5FC100 + number for number in range(0x01, 0x24)} - {0x5FC104})


def get_data(session: Session, command: CommandApdu) -> ResponseApdu:
    """The object that the tag list names, as 53 { … }; the discovery object as itself."""
    if (command.p1, command.p2) != (0x3F, 0xFF):
        return answer(WRONG_PARAMETERS)
    try:
        tag = tlv.parse_one(command.data, TAG_LIST)
    except Malformed:
        return answer(WRONG_DATA)
    if tag == DISCOVERY:
        return answer(0x9000, discovery_object())
    if tag in READ_WITH_PIN and not session.status.pin_verified:
        return answer(SECURITY_NOT_SATISFIED)
    content = session.memory.objects.get(tag)
    return answer(NOT_FOUND) if content is None else answer(0x9000, tlv.encode(DATA, content))


def put_data(session: Session, command: CommandApdu) -> ResponseApdu:
    """Replace an object; an empty 53 deletes it."""
    session.require_management()
    if (command.p1, command.p2) != (0x3F, 0xFF):
        return answer(WRONG_PARAMETERS)
    try:
        name, data = tlv.parse(command.data)
    except (Malformed, ValueError):
        return answer(WRONG_DATA)
    if name.tag != TAG_LIST or data.tag != DATA or not _known(session.memory, name.value):
        return answer(WRONG_DATA)
    if len(data.value) > MAX_OBJECT:
        return answer(NOT_ENOUGH_MEMORY)
    memory = session.memory.with_object(name.value, data.value)
    if len(memory.objects) > MAX_OBJECTS:
        raise Refusal(NOT_ENOUGH_MEMORY)
    session.commit(memory)
    return answer(0x9000)


def _known(memory: Memory, tag: bytes) -> bool:
    if len(tag) != 3 or tag[0] != 0x5F:
        return False
    # Yubico's cards store under any three-octet tag that begins with 5F.
    return memory.yubico or int.from_bytes(tag, "big") in _STANDARD_TAGS


INSTRUCTIONS: Mapping[int, Handler] = {0xCB: get_data, 0xDB: put_data}
