"""What a client has of the room: its zones, each with a tick of its own (PROTOCOL.md, "Zones")."""

from dataclasses import dataclass

import messages as m
from bincode import DecodeError
from layouts import Chain, Fresh, Gone, Keyframe, Part
from zone import Row, Schema, Zone

WRAP = (1 << 32) - 1


def newer(tick: int, other: int) -> bool:
    """Ticks wrap: of two less than 2^31 apart, the one ahead is newer."""
    return 0 < (tick - other & WRAP) < 1 << 31


@dataclass
class Copy:
    """A zone as it was at a tick."""

    state: Zone
    tick: int


@dataclass
class Entity:
    """A row to draw, and the zone that it was last seen in."""

    row: Row
    zone: int


class View:
    """Applies the parts of frames, checks their hashes, and merges the zones into entities."""

    def __init__(self, kinds: list[m.Kind]) -> None:
        self.schema = Schema(kinds)
        self.zones: dict[int, Copy] = {}
        self.waiting: set[int] = set()  # zones that need a keyframe
        self.forgotten: dict[int, int] = {}  # when zones were, whose entities may be on their way into another zone
        self.entities: dict[tuple[int, int], Entity] = {}  # by kind and id
        self.hashes_checked = 0
        self.hashes_wrong = 0

    def forget(self) -> None:
        self.zones.clear()
        self.waiting.clear()
        self.forgotten.clear()
        self.entities.clear()

    def apply(self, parts: list[Part], tick: int) -> list[int]:
        """Applies the parts of the frame of a tick. Returns the zones for which a `Resync` must be sent."""
        lacking = [part.zone for part in parts if not self.apply_part(part, tick - part.lag & WRAP)]
        self.waiting.update(lacking)
        self.merge()
        return lacking

    def apply_part(self, part: Part, tick: int) -> bool:
        """Whether the part did not need more than the client has."""
        copy = self.zones.get(part.zone)
        waits = part.zone in self.waiting
        if waits and isinstance(part.form, Chain):
            return True
        if copy and not waits and not newer(tick, copy.tick):
            return True
        try:
            state = self.result(part.form, tick, copy)
        except DecodeError:
            return False
        if part.hash is not None:
            self.hashes_checked += 1
            if self.schema.hash(state) != part.hash:
                self.hashes_wrong += 1
                return False
        self.waiting.discard(part.zone)
        if any(state.tables):
            self.zones[part.zone] = Copy(state, tick)
            self.forgotten.pop(part.zone, None)
        else:
            self.zones.pop(part.zone, None)
            self.forgotten[part.zone] = tick
        return True

    def result(self, form: Chain | Fresh | Keyframe | Gone, tick: int, copy: Copy | None) -> Zone:
        match form:
            case Keyframe(payload):
                return self.schema.keyframe(payload)
            case Gone():
                return self.schema.empty()
            case Fresh(deltas):
                state = self.schema.empty()
            case Chain(deltas):
                if copy is None:
                    raise DecodeError("a chain from a zone that is not there")
                lead = copy.tick - (tick - len(deltas)) & WRAP
                if lead >= len(deltas):
                    raise DecodeError("a chain that starts after the zone's tick")
                state, deltas = copy.state, deltas[lead:]
        for delta in deltas:
            state = self.schema.delta(state, delta)
        return state

    def merge(self) -> None:
        """An entity in several zones counts where the tick is newest, then where the number is greatest."""
        found: dict[tuple[int, int], Entity] = {}
        for number in sorted(self.zones):
            for kind, table in enumerate(self.zones[number].state.tables):
                for id, row in table.items():
                    before = found.get((kind, id))
                    if before and newer(self.zones[before.zone].tick, self.zones[number].tick):
                        continue
                    found[kind, id] = Entity(row, number)
        for key, entity in self.entities.items():
            if key not in found and self.may_return(entity.zone):
                found[key] = entity
        self.entities = found

    def may_return(self, number: int) -> bool:
        """Whether a zone is older than this one, so that an entity may be on its way into it."""
        copy = self.zones.get(number)
        tick = copy.tick if copy else self.forgotten[number]
        return any(newer(tick, other.tick) for other in self.zones.values())
