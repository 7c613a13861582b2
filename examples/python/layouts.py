"""Frames, acknowledgements and inputs: nearly all of the traffic, in layouts of their own.

The client reads the first and writes the others, so there is one direction of each.
"""

from dataclasses import dataclass

from bincode import DecodeError, Reader, unpack, varint
from messages import Events

MOST_DELTAS = 32


@dataclass
class Short:
    """The usual stamp: the tick modulo 16 and `consumed` modulo 4."""

    tick: int
    consumed: int


@dataclass
class Long:
    """The tick modulo 32 and `consumed` modulo 8."""

    tick: int
    consumed: int


@dataclass
class Dense:
    """As `Long`, for zones that advance by one tick each."""

    tick: int
    consumed: int


@dataclass
class Wide:
    """The tick and `consumed`, both modulo 256."""

    tick: int
    consumed: int


@dataclass
class Absolute:
    """The whole tick and `consumed`."""

    tick: int
    consumed: int


@dataclass
class Correction:
    epoch: int
    reason: int


@dataclass
class Note:
    superseded: int
    commands: int | None
    correction: Correction | None
    incarnation: int | None
    lead: int | None


@dataclass
class Chain:
    """Deltas that start from the state that the client has."""

    deltas: list[bytes]


@dataclass
class Fresh:
    """Deltas that start from the empty zone."""

    deltas: list[bytes]


@dataclass
class Keyframe:
    payload: bytes


@dataclass
class Gone:
    """The client has no use for the zone any more, or it has no rows."""


@dataclass
class Part:
    """What a frame says of one zone, at the frame's tick less `lag`."""

    zone: int
    lag: int
    form: Chain | Fresh | Keyframe | Gone
    hash: int | None


@dataclass
class Frame:
    stamp: Short | Long | Dense | Wide | Absolute
    note: Note | None
    events: Events | None
    zones: list[Part]


def is_frame(data: bytes) -> bool:
    return data[:1] >= b"\x40"


def decode_frame(data: bytes) -> Frame:
    reader = Reader(data)
    first = reader.byte()
    if first >= 128:
        digest = reader.hash() if first & 64 else None
        part = Part(0, 0, Chain([reader.rest()]), digest)
        return Frame(Short(first & 15, first >> 4 & 3), None, None, [part])
    if first < 64:
        raise DecodeError("no frame")
    if first == 0x58:
        low = reader.byte()
        return Frame(Dense(low & 31, low >> 5), None, None, decode_dense(reader))
    return decode_long(reader, first & 63)


def decode_long(reader: Reader, bits: int) -> Frame:
    stamp = decode_stamp(reader, bits)
    whole = isinstance(stamp, Absolute)
    note = decode_note(reader) if bits & 2 else None
    if note and note.incarnation is not None and not whole:
        raise DecodeError("an incarnation without a whole tick")
    events = unpack(reader, Events) if bits & 4 else None
    if bits & 16:
        if bits & 8:
            raise DecodeError("a hash of zone 0 beside a list of parts")
        parts = decode_parts(reader)
        if not whole and len(parts) == 1 and parts[0].zone == parts[0].lag == 0 and isinstance(parts[0].form, Chain):
            raise DecodeError("a list of parts for zone 0 alone")
    else:
        digest = reader.hash() if bits & 8 else None
        count = reader.byte() + 1 if bits & 32 else 1
        if bits & 32 and not 2 <= count <= MOST_DELTAS:
            raise DecodeError(f"a chain of {count} deltas")
        parts = [Part(0, 0, Chain(payloads(reader, count, True)), digest)]
    reader.end()
    return Frame(stamp, note, events, parts)


def decode_stamp(reader: Reader, bits: int) -> Long | Wide | Absolute:
    whole = bits & (16 | 32) == 16 | 32
    if bits & 1:
        if whole:
            raise DecodeError("a tick that is told twice")
        return Wide(reader.byte(), reader.byte())
    if whole:
        return Absolute(reader.varint(), reader.varint())
    low = reader.byte()
    return Long(low & 31, low >> 5)


def payloads(reader: Reader, count: int, at_end: bool) -> list[bytes]:
    """Each payload has its length before it, except for the very last bytes of the message."""
    return [reader.blob() for _ in range(count - at_end)] + ([reader.rest()] if at_end else [])


def decode_note(reader: Reader) -> Note:
    bits = reader.byte()
    if bits == 0:
        raise DecodeError("a note that says nothing")
    superseded = bits & 31
    if superseded == 31:
        superseded = reader.varint()
        if superseded < 31:
            raise DecodeError(f"{superseded} superseded inputs have a shorter form")
    commands = reader.varint() if bits & 32 else None
    correction = Correction(reader.byte(), reader.byte()) if bits & 64 else None
    incarnation = lead = None
    if bits & 128:
        more = reader.byte()
        if not 1 <= more <= 3:
            raise DecodeError(f"{more} as the second byte of a note")
        if more & 1:
            incarnation = reader.varint(64)
            if incarnation >= 1 << 53:
                raise DecodeError("an incarnation of more than 53 bits")
        if more & 2:
            lead = int.from_bytes(reader.take(1), "little", signed=True)
    return Note(superseded, commands, correction, incarnation, lead)


def decode_dense(reader: Reader) -> list[Part]:
    parts: list[Part] = []
    while not reader.at_end():
        gap = reader.varint()
        zone = gap + (parts[-1].zone if parts else 0)
        if zone > 0xFFFF or (gap == 0 and parts):
            raise DecodeError("zones that do not ascend")
        size = reader.varint()
        digest = reader.hash() if size & 1 else None
        parts.append(Part(zone, 0, Chain([reader.take(size >> 1)]), digest))
    if len(parts) < 2:
        raise DecodeError("a list of zones for fewer than two")
    return parts


def decode_parts(reader: Reader) -> list[Part]:
    count = reader.varint()
    parts: list[Part] = []
    seen: set[int] = set()
    for left in reversed(range(count)):
        part = decode_part(reader, last=left == 0)
        if part.zone in seen:
            raise DecodeError(f"two parts of zone {part.zone}")
        seen.add(part.zone)
        parts.append(part)
    return parts


def decode_part(reader: Reader, last: bool) -> Part:
    zone = reader.varint(16)
    bits = reader.byte()
    digest = reader.hash() if bits & 4 else None
    lag = reader.varint() if bits & 8 else 0
    if bits & 8 and lag == 0:
        raise DecodeError("a lag of no tick")
    number = bits >> 4
    if bits & 3 in (1, 2):
        if number:
            raise DecodeError("a number of deltas without a chain")
        if bits & 3 == 2 and digest is not None:
            raise DecodeError("a hash of a zone that is gone")
        form = Keyframe(payloads(reader, 1, last)[0]) if bits & 3 == 1 else Gone()
        return Part(zone, lag, form, digest)
    if number == 15:
        number = reader.byte()
        if not 15 <= number < MOST_DELTAS:
            raise DecodeError(f"{number} as a number of deltas")
    deltas = payloads(reader, number + 1, last)
    return Part(zone, lag, Chain(deltas) if bits & 3 == 0 else Fresh(deltas), digest)


@dataclass
class Ack:
    """`tick` is that of the newest frame applied, `events` the newest event, unless it was acknowledged before."""

    tick: int
    events: int | None = None
    whole: bool = False  # an unordered transport needs the whole tick


@dataclass
class Run:
    """So many inputs that have these packed values."""

    count: int
    packed: bytes


@dataclass
class Inputs:
    """`held` inputs that equal the last one of the message before, then the runs."""

    ack: Ack
    epoch: int
    view: int | None
    held: int
    runs: list[Run]


def encode_inputs(message: Inputs | Ack) -> bytes:
    """The bytes of inputs, or of an acknowledgement alone."""
    inputs = message if isinstance(message, Inputs) else Inputs(message, 0, None, 0, [])
    ack, runs = inputs.ack, inputs.runs
    single = len(runs) == 1 and runs[0].count == 1
    parts = [
        (16, varint(ack.tick)) if ack.whole else (0, bytes([ack.tick & 255])),
        (1, varint(ack.events)) if ack.events is not None else (0, b""),
        (2, bytes([inputs.epoch])) if inputs.epoch else (0, b""),
        (32, varint(inputs.view)) if inputs.view is not None else (0, b""),
        (4, varint(inputs.held)) if inputs.held else (0, b""),
    ]
    if single:
        parts.append((0, runs[0].packed))
    elif runs:
        parts.append((8, b"".join(varint(run.count) + run.packed for run in runs)))
    return bytes([128 | sum(bit for bit, _ in parts)]) + b"".join(part for _, part in parts)
