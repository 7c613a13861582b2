"""The messages of PROTOCOL.md, apart from those with layouts of their own (layouts.py).

Bytes of zones and of games stay bytes here. Enums with fields are unions: the number of a variant is its place.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import Any

from bincode import I32, U8, U16, U32, U64, DecodeError, Reader, pack, unpack

VERSION = 2
SUBPROTOCOL = "tickwire.v2"
Texts = list[tuple[str, str]]
Extensions = list[tuple[U16, bytes]]


class Feature:
    """Bits of `features`. This client knows the first two and the last one."""

    INPUT_LEAD = 1
    VIEW_TIME = 2
    REDIRECT = 4
    FEEL_DIGEST = 8
    PREPARE = 16
    DENSE_LIST = 32


class Role(IntEnum):
    PLAYER = 0
    SPECTATOR = 1


class Authority(IntEnum):
    SERVER = 0
    CLIENT = 1


class Continuity(IntEnum):
    FRESH = 0
    SEAT = 1
    STATE = 2


@dataclass
class JoinOrCreate:
    game: str
    options: Texts


@dataclass
class Create:
    game: str
    options: Texts


@dataclass
class ById:
    room: str


@dataclass
class Reserved:
    ticket: str


@dataclass
class Return:
    """Takes the seat that `resume` opens, and no other."""

    room: str


@dataclass
class Resume:
    """Claims a seat, and says from where to go on."""

    token: bytes
    incarnation: U64
    tick: U32 | None
    events: U32 | None


@dataclass
class Hello:
    """The first message of a client."""

    version: U16
    features: U32
    join: JoinOrCreate | Create | ById | Reserved | Return
    role: Role
    name: str
    player: Texts = field(default_factory=list)
    resume: Resume | None = None
    token: str | None = None
    rate: U16 = 0
    extensions: Extensions = field(default_factory=list)


@dataclass
class GameCommand:
    kind: U16
    body: bytes


@dataclass
class CallCommand:
    kind: U16
    body: bytes


@dataclass
class ChatCommand:
    to: list[U16]
    text: str


@dataclass
class Command:
    seq: U32
    body: GameCommand | CallCommand | ChatCommand


@dataclass
class Ping:
    stamp: U32


@dataclass
class Resync:
    """Asks for the keyframe of a zone; `tick` is that of the frame that did not fit."""

    zone: U16
    tick: U32


@dataclass
class Refresh:
    token: str


@dataclass
class FeelDigest:
    body: bytes


@dataclass
class BoolShape:
    """0 or 1."""


@dataclass
class IntShape:
    min: I32
    max: I32


@dataclass
class FixedShape:
    min: I32
    max: I32
    per_unit: U16


@dataclass
class AngleShape:
    bits: U8


@dataclass
class EnumShape:
    labels: list[str]


@dataclass
class ColourShape:
    count: U8


@dataclass
class Hold:
    """Stays as it is until it changes."""


@dataclass
class Linear:
    """Changes by as much as in the last tick."""


@dataclass
class Smooth:
    """Has a speed that bends slowly, as positions have."""


@dataclass
class Along:
    """The part of a speed along a heading: x, when y is `Across` the same one."""

    heading: U8


@dataclass
class Across:
    heading: U8


@dataclass
class Fade:
    """Shrinks by the same factor each tick, as a push does."""


@dataclass
class Field:
    name: str
    shape: BoolShape | IntShape | FixedShape | AngleShape | EnumShape | ColourShape
    motion: Hold | Linear | Smooth | Along | Across | Fade


@dataclass
class Kind:
    name: str
    fields: list[Field]


@dataclass
class Player:
    seat: U16
    entity: U32
    name: str
    away: bool


@dataclass
class Welcome:
    """The first message of the server: what the room is, and how its rows and inputs are coded."""

    version: U16
    features: U32
    room: str
    incarnation: U64
    game: str
    rate: U16
    tick: U32
    seat: U16
    entity: U32
    authority: Authority
    epoch: U8
    resume: bytes | None
    continuity: Continuity
    events: U32
    listed: U32
    commands: U32
    expires: U32 | None
    schema: list[Kind]
    inputs: list[Field]
    properties: Texts
    players: list[Player]
    extensions: Extensions


@dataclass
class Pong:
    stamp: U32


@dataclass
class ComeBack:
    after: U32


@dataclass
class Refreshed:
    expires: U32


@dataclass
class Joined:
    player: Player


@dataclass
class Left:
    seat: U16
    code: U16


@dataclass
class GameEvent:
    kind: U16
    body: bytes


@dataclass
class Disconnected:
    seat: U16


@dataclass
class Reconnected:
    seat: U16


@dataclass
class ChatEvent:
    sender: U16
    name: str
    text: str
    private: bool


@dataclass
class ReplyEvent:
    command: U32
    done: bool
    body: bytes


@dataclass
class Property:
    key: str
    value: str


@dataclass
class Ended:
    result: bytes


@dataclass
class Event:
    age: U32
    body: Joined | Left | GameEvent | Disconnected | Reconnected | ChatEvent | ReplyEvent | Property | Ended


@dataclass
class Events:
    """`lost` of them are missing before number `first`."""

    first: U32
    lost: U32
    items: list[Event]


@dataclass
class Delivery:
    """Events and seen commands between two frames."""

    tick: U32
    commands: U32 | None
    events: Events | None


@dataclass
class Redirect:
    address: str
    ticket: str
    at_tick: U32


@dataclass
class Prepare:
    address: str
    within: U32


# The codes beyond 4000 to 4499 after which a client may come back, after a random delay.
INVITING = {1001, 1006, 1011, 1012, 1013}
CLIENT = {0: Hello, 3: Command, 4: Ping, 5: Resync, 6: Refresh, 7: FeelDigest}
SERVER = {0: Welcome, 2: Pong, 3: ComeBack, 4: Refreshed, 5: Delivery, 6: Redirect, 7: Prepare}


def encode(message: Any) -> bytes:
    """The bytes of a message of the client that is no acknowledgement and has no inputs."""
    number = next(number for number, kind in CLIENT.items() if kind is type(message))
    return bytes([number]) + pack(message, type(message))


def decode(data: bytes) -> Any:
    """The message of the server that these bytes are; `layouts.decode_frame` decodes frames."""
    reader = Reader(data)
    number = reader.varint()
    if number not in SERVER:
        raise DecodeError(f"there is no message {number} of the server")
    message = unpack(reader, SERVER[number])
    reader.end()
    if isinstance(message, Welcome):
        numbers = [extension for extension, _ in message.extensions]
        if any(number >= following for number, following in pairwise(numbers)):
            raise DecodeError("extensions that do not ascend")
    return message


def invites_back(code: int) -> bool:
    """Whether a client reconnects by itself after this close code."""
    return 4000 <= code < 4500 or code in INVITING
