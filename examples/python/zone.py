"""The state of a zone, and the payloads that lead to it: deltas and keyframes (PROTOCOL.md, "Zone payloads")."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import messages as m
from bincode import DecodeError
from coder import Contexts, Decoder
from motion import ASSETS, Field, Prediction, cosine

ODDS: dict[str, Any] = json.loads((ASSETS / "odds.json").read_text())
MOST_ROWS = 65536
LAST_ID = (1 << 32) - 1
# Tells the new value of a field, by its place and its prediction.
Decide = Callable[[int, Prediction], int]


class Row(NamedTuple):
    values: tuple[int, ...]
    cells: tuple[tuple[int, ...], ...]  # per field, from which its next value is predicted


@dataclass
class Zone:
    """Per kind, the rows by ascending id; and the ids that the last delta marked."""

    tables: list[dict[int, Row]]
    teleported: list[list[int]]  # placed somewhere else, not moved
    crossed: list[list[int]]  # came from another zone, in motion


class Kind:
    """The fields of a kind, in the orders in which a payload tells them."""

    def __init__(self, kind: m.Kind) -> None:
        self.fields = [Field(field) for field in kind.fields]
        headings = {i: self.heading(field) for i, field in enumerate(self.fields)}
        places = range(len(self.fields))
        self.headings = {i: heading for i, heading in headings.items() if heading is not None}
        self.moving = [i for i in places if not isinstance(self.fields[i].motion, m.Hold)]
        self.moving.sort(key=lambda i: i in self.headings)
        self.held = [i for i in places if isinstance(self.fields[i].motion, m.Hold) and not self.fields[i].constant]
        self.spatial = sum(isinstance(field.shape, m.IntShape | m.FixedShape) for field in kind.fields) >= 2

    def heading(self, field: Field) -> int | None:
        if not isinstance(field.motion, m.Along | m.Across):
            return None
        heading = field.motion.heading
        steady = heading < len(self.fields) and isinstance(self.fields[heading].motion, m.Linear | m.Smooth)
        if not steady or not self.fields[heading].turn:
            raise DecodeError(f"field {heading} is no heading")
        return heading

    def cosine(self, place: int, values: list[int]) -> int:
        """What Along and Across take of the speed, in 16384ths, by the new value of their heading."""
        if place not in self.headings:
            return 0
        heading = self.headings[place]
        angle = values[heading] << 16 - self.fields[heading].turn
        return cosine(angle - (1 << 14) if isinstance(self.fields[place].motion, m.Across) else angle)


class Schema:
    """Decodes the payloads of zones with these kinds."""

    def __init__(self, kinds: list[m.Kind]) -> None:
        self.kinds = [Kind(kind) for kind in kinds]

    def empty(self) -> Zone:
        return Zone([{} for _ in self.kinds], [[] for _ in self.kinds], [[] for _ in self.kinds])

    def delta(self, old: Zone, payload: bytes) -> Zone:
        """The zone a tick later."""
        reader = PayloadReader(payload)
        new = self.empty()
        if reader.answer(0):
            greatest = max((id for table in old.tables for id in table), default=-1)
            changed = False
            for place, kind in enumerate(self.kinds):
                step = KindDelta(reader, kind, old.tables[place], greatest)
                table = step.read(MOST_ROWS - sum(map(len, new.tables)))
                new.tables[place], new.teleported[place], new.crossed[place] = table, step.teleported, step.crossed
                greatest, changed = step.greatest, changed or step.changed
            if not changed:
                raise DecodeError("a delta in which nothing differs")
        else:
            for place, kind in enumerate(self.kinds):
                new.tables[place] = {id: predicted(kind, row) for id, row in old.tables[place].items()}
        reader.coder.end()
        return new

    def keyframe(self, payload: bytes) -> Zone:
        """The whole state of a zone."""
        reader = PayloadReader(payload)
        new = self.empty()
        shuffled = reader.coder.even()
        for place, kind in enumerate(self.kinds):
            reader.start(kind)
            count = reader.whole(328)
            if count + sum(map(len, new.tables)) > MOST_ROWS:
                raise DecodeError("too many rows")
            table: dict[int, Row] = {}
            id, row = -1, None
            for _ in range(count):
                id = reader.any_id(id) if shuffled and kind.spatial else reader.gap(264, id, LAST_ID + 1)
                if id in table:
                    raise DecodeError(f"two rows with id {id}")
                row = table[id] = reader.row(kind, row, moving=True)
            new.tables[place] = dict(sorted(table.items()))
        reader.coder.end()
        return new

    def hash(self, zone: Zone) -> int:
        words: list[int] = []
        for place, table in enumerate(zone.tables):
            words += place, len(table)
            for id, row in table.items():
                words += id, *row.values
                for cells in row.cells:
                    words += cells
        return murmur(words)


def predicted(kind: Kind, row: Row) -> Row:
    return advance(kind, row, lambda _place, guess: guess.expected)[0]


def advance(kind: Kind, row: Row, decide: Decide) -> tuple[Row, bool]:
    """The row a tick later and whether a prediction of it was wrong."""
    values, cells, wrong = list(row.values), list(row.cells), False
    for place in kind.moving:
        field, value = kind.fields[place], row.values[place]
        factor = kind.cosine(place, values)
        guess = field.predict(value, row.cells[place], factor)
        values[place] = after = decide(place, guess)
        wrong = wrong or after != guess.expected
        cells[place] = field.learn(value, after, row.cells[place], guess, factor)
    return Row(tuple(values), tuple(cells)), wrong


def murmur(words: list[int]) -> int:
    """MurmurHash3 (x86, 32 bits)."""
    state = 0x7469636B
    for word in words:
        word = word * 0xCC9E2D51 & 0xFFFFFFFF
        word = (word << 15 | word >> 17) * 0x1B873593 & 0xFFFFFFFF
        state ^= word
        state = (state << 13 | state >> 19) * 5 + 0xE6546B64 & 0xFFFFFFFF
    state ^= len(words) * 4
    state = (state ^ state >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    state = (state ^ state >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return state ^ state >> 16


class PayloadReader:
    """The coder with the contexts of the kind whose turn it is."""

    def __init__(self, payload: bytes) -> None:
        self.coder = Decoder(payload)
        self.own = Contexts(ODDS["kind"])
        self.of_fields: list[Contexts] = []

    def start(self, kind: Kind) -> None:
        """All contexts of a kind and its fields start anew."""
        self.own = Contexts(ODDS["kind"])
        self.of_fields = [Contexts(ODDS["fields"][field.odds]) for field in kind.fields]

    def answer(self, place: int) -> bool:
        return self.coder.decide(self.own, place)

    def whole(self, place: int) -> int:
        return self.coder.whole(self.own, place)

    def gap(self, place: int, before: int, end: int) -> int:
        number = before + 1 + self.whole(place)
        if number >= end:
            raise DecodeError(f"{number} of {end}")
        return number

    def gaps(self, place: int, count: int, end: int, before: int = -1) -> list[int]:
        """So many ascending numbers below `end`."""
        numbers = []
        for _ in range(count):
            before = self.gap(place, before, end)
            numbers.append(before)
        return numbers

    def any_id(self, before: int) -> int:
        change = self.coder.signed(self.own, 392)
        if not -(1 << 31) <= change < 1 << 31:
            raise DecodeError("a step of more than 32 bits")
        return min(before + 1, LAST_ID) + change & LAST_ID

    def row(self, kind: Kind, before: Row | None, moving: bool) -> Row:
        """A whole row; with its motion cells when it is moving."""
        values, cells = [], []
        for place, field in enumerate(kind.fields):
            contexts = self.of_fields[place]
            start = before.values[place] if before else field.saturate(0)
            change = self.coder.signed(contexts, 220)
            least, most = field.errors(start)
            if not least <= change <= most:
                raise DecodeError("a value outside of its range")
            values.append(field.saturate(start + change))
            own = tuple(self.coder.signed(contexts, 284 + 64 * i) if moving else 0 for i in range(field.cells))
            if not field.allows(own):
                raise DecodeError("a motion cell outside of its range")
            cells.append(own)
        return Row(tuple(values), tuple(cells))

    def error(self, place: int, field: Field, guess: Prediction, near: int, certain: bool = False) -> int:
        """How far a value is from what was expected. `certain` says that it is."""
        coder, contexts, unrest = self.coder, self.of_fields[place], guess.unrest
        if not certain and not coder.decide(contexts, (4 * unrest + near) * 4 + guess.lean):
            return 0
        least, most = field.errors(guess.expected)
        negative = least < 0
        if least < 0 < most:
            side = 3 - guess.side if guess.below and guess.side else guess.side
            negative = coder.decide(contexts, 128 + 3 * guess.lean + side) != guess.below
        largest = -least if negative else most
        unary = 140 + (2 * (unrest // 2) + (near == 3)) * 8
        length, longest = 0, largest.bit_length() - 1
        while length < longest and coder.decide(contexts, unary + min(length, 7)):
            length += 1
        size = 1
        if length >= 1:
            size = 2 + coder.decide(contexts, 204 + min(length, 8) - 1)
        if length >= 2:
            size = size * 2 + coder.decide(contexts, 212 + 2 * (min(length, 5) - 2) + size - 2)
            size = coder.bits(length - 2, size)
        if size > largest:
            raise DecodeError("a value outside of its range")
        return -size if negative else size


class KindDelta:
    """What a delta says of one kind: who left, who came, who is elsewhere than predicted."""

    def __init__(self, reader: PayloadReader, kind: Kind, old: dict[int, Row], greatest: int) -> None:
        self.reader, self.kind, self.old, self.greatest = reader, kind, old, greatest
        self.teleported: list[int] = []
        self.crossed: list[int] = []
        self.changed = False

    def read(self, most: int) -> dict[int, Row]:
        reader = self.reader
        reader.start(self.kind)
        staying = list(self.old)
        if staying and reader.answer(1):
            count = reader.whole(8) + 1
            left = set(reader.gaps(72, count, len(staying)))
            staying = [id for index, id in enumerate(staying) if index not in left]
            self.changed = True
        came = self.newcomers(most - len(staying)) if reader.answer(2) else []
        table = self.stayers(staying)
        row = None
        for id in came:
            crossed = reader.answer(457)
            row = table[id] = reader.row(self.kind, row, moving=crossed)
            if crossed:
                self.crossed.append(id)
        return dict(sorted(table.items())) if came else table

    def newcomers(self, most: int) -> list[int]:
        reader = self.reader
        count = reader.whole(136) + 1
        if count > most:
            raise DecodeError("too many rows")
        known = min(self.greatest + 1, LAST_ID)
        if reader.answer(200):
            first = reader.whole(392)
            if first >= known:
                raise DecodeError(f"id {first} is not below {known}")
        else:
            first = reader.gap(200, known - 1, LAST_ID + 1)
        ids = [first, *reader.gaps(264, count - 1, LAST_ID + 1, first)]
        if any(id in self.old for id in ids):
            raise DecodeError("a row that came was there")
        self.greatest = max(self.greatest, ids[-1])
        self.changed = True
        return ids

    def stayers(self, staying: list[int]) -> dict[int, Row]:
        if not staying or not self.reader.answer(3):
            return {id: predicted(self.kind, self.old[id]) for id in staying}
        self.changed = True
        marked: set[int] = set()
        if self.reader.answer(456):
            self.reader.own.reset(ODDS["kind"], 8, 136)
            count = self.reader.whole(8) + 1
            self.teleported = [staying[index] for index in self.reader.gaps(72, count, len(staying))]
            marked = set(self.teleported)
        table: dict[int, Row] = {}
        any_wrong = held_before = False
        for id in staying:
            row, wrong = advance(self.kind, self.old[id], self.moved())
            held = bool(self.kind.held) and self.reader.answer(4 + 2 * wrong + held_before)
            if held:
                row = row._replace(values=self.held(row.values))
            if id in marked:
                if not (wrong or held):
                    raise DecodeError(f"row {id} is teleported to where it is")
                row = row._replace(cells=tuple((0,) * len(cells) for cells in row.cells))
            any_wrong, held_before = any_wrong or wrong or held, held
            table[id] = row
        if not any_wrong:
            raise DecodeError("a kind without the errors that it claims")
        return table

    def moved(self) -> Decide:
        """Tells the new values of one row's moving fields, in their order."""
        near = 0

        def decide(place: int, guess: Prediction) -> int:
            nonlocal near
            field = self.kind.fields[place]
            if field.constant:
                return guess.expected
            error = self.reader.error(place, field, guess, near)
            near = min(1 + abs(error), 3)
            return field.saturate(guess.expected + error)

        return decide

    def held(self, values: tuple[int, ...]) -> tuple[int, ...]:
        """The values with the held fields that changed; at least one did."""
        after, changed = list(values), False
        for place in self.kind.held:
            field, guess = self.kind.fields[place], Prediction(values[place])
            certain = place == self.kind.held[-1] and not changed
            error = self.reader.error(place, field, guess, int(changed), certain)
            after[place] = field.saturate(values[place] + error)
            changed = changed or error != 0
        return tuple(after)
