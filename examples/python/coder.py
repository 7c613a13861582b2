"""The coder of zone payloads: yes-or-no decisions, each with odds that adapt (PROTOCOL.md, "The coder").

A payload is a fraction between 0 and 1. Every decision splits the interval of what is still possible; the payload says into
which half the fraction falls. Likely answers keep most of the interval, and so cost much less than a bit.
"""

from bincode import DecodeError

CONTEXTS = 480


class Contexts:
    """The odds of "no" in 65536ths, and how often each was used. `start` is a list of assets/odds.json."""

    def __init__(self, start: list[int]) -> None:
        self.odds = start.copy()
        self.uses = [0] * CONTEXTS

    def reset(self, start: list[int], first: int, end: int) -> None:
        self.odds[first:end] = start[first:end]
        self.uses[first:end] = [0] * (end - first)


class Decoder:
    """Takes decisions and numbers from the front of a payload."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.taken = 4
        self.range = 0xFFFFFFFF
        self.code = int.from_bytes(payload[:4].ljust(4, b"\0"), "big")
        if self.code == 0xFFFFFFFF:
            raise DecodeError("a payload that starts with four bytes of 255")

    def decide(self, contexts: Contexts, place: int) -> bool:
        odds = contexts.odds[place]
        bound = (self.range >> 16) * odds
        uses = contexts.uses[place]
        speed = 5 if uses < 4 else 6
        contexts.uses[place] = uses + 1
        if self.code < bound:
            self.range = bound
            contexts.odds[place] = odds + (65535 - odds >> speed)
            answer = False
        else:
            self.code -= bound
            self.range -= bound
            contexts.odds[place] = odds - (odds >> speed)
            answer = True
        if self.range < 1 << 24:
            self.refill()
        return answer

    def even(self) -> bool:
        """A decision of even odds, which never change."""
        bound = self.range >> 1
        answer = self.code >= bound
        if answer:
            self.code -= bound
            self.range -= bound
        else:
            self.range = bound
        if self.range < 1 << 24:
            self.refill()
        return answer

    def bits(self, count: int, start: int = 0) -> int:
        """So many bits of even odds, the highest first, behind those of `start`."""
        for _ in range(count):
            start = start * 2 + self.even()
        return start

    def refill(self) -> None:
        while self.range < 1 << 24:
            self.range <<= 8
            more = self.payload[self.taken] if self.taken < len(self.payload) else 0
            self.code = self.code << 8 | more
            self.taken += 1

    def whole(self, contexts: Contexts, place: int) -> int:
        """A number from 0 to 2^32 - 1: its length in bits, then all bits but the highest."""
        node = 1
        for _ in range(5):
            node = node * 2 + self.decide(contexts, place + node)
        length = node - 32
        if length < 2:
            return length
        if length < 31:
            second = self.decide(contexts, place + 32 + length)
            return self.bits(length - 2, 2 + second)
        number = self.bits(32)
        if number < 1 << 30:
            raise DecodeError(f"{number} has a shorter form")
        return number

    def signed(self, contexts: Contexts, place: int) -> int:
        size = self.whole(contexts, place)
        return -size if size and self.decide(contexts, place) else size

    def end(self) -> None:
        """Refuses a payload unless it is the shortest, and of those the least, that leads to these decisions."""
        if not self.payload:
            return
        last = self.payload[-1]
        beyond = self.taken - len(self.payload)
        weight = 256 ** min(beyond, 4) if beyond >= 0 else 0
        if last == 0 or not self.code < weight or self.code + (256 - last) * weight < self.range:
            raise DecodeError("a payload that is not the shortest one")
