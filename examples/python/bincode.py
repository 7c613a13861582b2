"""The encoding of messages (PROTOCOL.md, "Encoding of messages"), driven by the annotations of dataclasses.

A dataclass states a message's fields in the order of the page; `pack` and `unpack` follow the annotations. messages.py has
the classes.
"""

from enum import IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints


class DecodeError(Exception):
    """These bytes are not a valid message, or not a valid payload."""


class Unsigned(NamedTuple):
    """A varint that holds at most so many bits."""

    bits: int


U8 = Annotated[int, "one byte"]
I32 = Annotated[int, "zigzag"]
U16 = Annotated[int, Unsigned(16)]
U32 = Annotated[int, Unsigned(32)]
U64 = Annotated[int, Unsigned(64)]


class Reader:
    """Takes values from the front of a message."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise DecodeError("the message ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def byte(self) -> int:
        return self.take(1)[0]

    def flag(self) -> bool:
        value = self.byte()
        if value > 1:
            raise DecodeError(f"{value} is neither 0 nor 1")
        return value == 1

    def varint(self, bits: int = 32) -> int:
        first = self.byte()
        if first < 251:
            return first
        size = {251: 2, 252: 4, 253: 8}.get(first, 16)
        if size * 8 > bits:
            raise DecodeError(f"a number of more than {bits} bits")
        value = int.from_bytes(self.take(size), "little")
        if value < (251 if size == 2 else 1 << size * 4):
            raise DecodeError(f"{value} has a shorter form")
        return value

    def hash(self) -> int:
        """A zone's hash is always four bytes."""
        return int.from_bytes(self.take(4), "little")

    def blob(self) -> bytes:
        return self.take(self.varint(64))

    def at_end(self) -> bool:
        return self.at == len(self.data)

    def end(self) -> None:
        if not self.at_end():
            raise DecodeError(f"{len(self.data) - self.at} bytes after the end of the message")


def varint(value: int) -> bytes:
    if value < 251:
        return bytes([value])
    marker, size = (251, 2) if value < 1 << 16 else (252, 4) if value < 1 << 32 else (253, 8)
    return bytes([marker]) + value.to_bytes(size, "little")


@cache
def hints(message: type) -> dict[str, Any]:
    return get_type_hints(message, include_extras=True)


def unpack(reader: Reader, kind: Any) -> Any:
    """Reads a value of a type: a class of this module, or what its annotations are made of."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        if kind == U8:
            return reader.byte()
        if kind == I32:
            value = reader.varint()
            return value >> 1 ^ -(value & 1)
        return reader.varint(inner[1].bits)
    if origin is list:
        return [unpack(reader, inner[0]) for _ in range(reader.varint(64))]
    if origin is tuple:
        return tuple(unpack(reader, part) for part in inner)
    if origin in (Union, UnionType):
        if inner[-1] is NoneType:
            return unpack(reader, inner[0]) if reader.flag() else None
        return unpack(reader, chosen(inner, reader.varint()))
    if kind is bool:
        return reader.flag()
    if kind is bytes:
        return reader.blob()
    if kind is str:
        try:
            return reader.blob().decode()
        except UnicodeDecodeError:
            raise DecodeError("a text is not UTF-8") from None
    if issubclass(kind, IntEnum):
        return chosen(tuple(kind), reader.varint())
    return kind(*(unpack(reader, hint) for hint in hints(kind).values()))


def chosen(variants: tuple[Any, ...], number: int) -> Any:
    if number >= len(variants):
        raise DecodeError(f"there is no variant {number}")
    return variants[number]


def pack(value: Any, kind: Any) -> bytes:
    """The bytes of a value; the reverse of `unpack`."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        if kind == U8:
            return bytes([value])
        return varint(value * 2 if value >= 0 else -value * 2 - 1) if kind == I32 else varint(value)
    if origin is list:
        return varint(len(value)) + b"".join(pack(item, inner[0]) for item in value)
    if origin is tuple:
        return b"".join(pack(item, part) for item, part in zip(value, inner, strict=True))
    if origin in (Union, UnionType):
        if inner[-1] is NoneType:
            return b"\0" if value is None else b"\1" + pack(value, inner[0])
        return varint(inner.index(type(value))) + pack(value, type(value))
    if kind is bytes:
        return varint(len(value)) + bytes(value)
    if kind is str:
        return pack(value.encode(), bytes)
    if kind is bool or issubclass(kind, IntEnum):
        return bytes([value])
    return b"".join(pack(getattr(value, name), hint) for name, hint in hints(kind).items())
