"""How a field is predicted from one tick to the next (PROTOCOL.md, "Prediction").

Server and client predict the same value from the same cells, so that a delta has only the errors of the predictions. The
contexts say how much to expect of an error: what looked restless a tick ago is likely to be off again.
"""

import json
from pathlib import Path
from typing import NamedTuple

import messages as m
from bincode import DecodeError

ASSETS = Path(__file__).resolve().parents[2] / "assets"
COSINE: list[int] = json.loads((ASSETS / "cosine.json").read_text())
CELLS = {m.Hold: 0, m.Linear: 2, m.Fade: 2, m.Smooth: 3, m.Along: 2, m.Across: 2}
FAR = 1 << 21
BOUND = 1 << 29


class Prediction(NamedTuple):
    expected: int
    course: int = 0  # of Smooth, Along and Across: the expected change in 64ths of a quantum
    unrest: int = 0
    lean: int = 0
    below: bool = False
    side: int = 0


class Field:
    """The range of a field's values and the rules of its motion."""

    def __init__(self, field: m.Field) -> None:
        shape = field.shape
        self.turn = shape.bits if isinstance(shape, m.AngleShape) else 0  # an angle has 2^turn parts
        self.low, self.high = limits(shape)
        if not -BOUND <= self.low <= self.high <= BOUND:
            raise DecodeError(f"the range of field {field.name!r}")
        self.motion = field.motion
        self.cells = CELLS[type(field.motion)]
        self.constant = self.low == self.high
        self.odds = odds_class(field)

    def difference(self, start: int, end: int) -> int:
        return self.wrapped(end - start) if self.turn else end - start

    def wrapped(self, change: int) -> int:
        """A change of direction, the shorter way round."""
        half = 1 << self.turn >> 1
        return (change + half & (1 << self.turn) - 1) - half

    def saturate(self, value: int) -> int:
        if self.turn:
            return value & (1 << self.turn) - 1
        return min(max(value, self.low), self.high)

    def errors(self, expected: int) -> tuple[int, int]:
        """The least and the greatest error that leads to a value of this field."""
        if self.turn:
            half = 1 << self.turn >> 1
            return -half, half - 1
        return self.low - expected, self.high - expected

    def predict(self, value: int, cells: tuple[int, ...], cosine: int) -> Prediction:
        match self.motion:
            case m.Hold():
                return Prediction(value)
            case m.Linear():
                return Prediction(self.saturate(value + cells[0]), 0, *coarse(cells[1], cells[0]))
            case m.Fade():
                before, error = cells
                fades = abs(value) < abs(before) and abs(value) < 1 << 26 and (value < 0) == (before < 0)
                expected = self.saturate(value * value // abs(before) * sign(before) if fades else value)
                return Prediction(expected, 0, *coarse(error, value))
            case m.Smooth():
                speed, bend, error = cells
                course = speed + shrunk(bend, 1) - (shrunk(5 * error, 4) if abs(error) < 256 else 0)
                return self.sharp(value, course, error)
            case _:
                return self.sharp(value, cells[0] * cosine >> 14, cells[1])

    def sharp(self, value: int, course: int, error: int) -> Prediction:
        quanta = course + 32 >> 6
        rest = course - 64 * quanta
        side = 0 if abs(error) < 16 else 1 if error > 0 else 2
        lean = min(abs(rest) // 8, 3)
        return Prediction(self.saturate(value + quanta), course, unrest(abs(error)), lean, rest < 0, side)

    def learn(self, value: int, after: int, cells: tuple[int, ...], guess: Prediction, cosine: int) -> tuple[int, ...]:
        """The cells for the next tick, when the value became `after`. Those of a constant field stay 0."""
        if self.constant:
            return cells
        match self.motion:
            case m.Hold():
                return ()
            case m.Linear():
                error = clamp(self.difference(guess.expected, after), 8)
                return self.difference(value, after), error
            case m.Fade():
                return value, clamp(self.difference(guess.expected, after), 8)
        change = self.difference(value, after)
        moved = 64 * clamp(change, 1 << 15)
        error = clamp(moved - guess.course, FAR)
        if isinstance(self.motion, m.Smooth):
            speed, bend, _ = cells
            if abs(error) >= 256:
                return moved, 0, error
            if change == 0 and abs(speed) < 8 and abs(error) < 32:
                return 0, 0, 0
            steered = clamp(speed + bend + shrunk(error, 1), FAR)
            return steered, bend - shrunk(bend, 4) + shrunk(error, 3) - shrunk(error, 5), error
        speed = cells[0]
        if abs(error) > 32 and abs(cosine) >= 4096:
            trusted = error if abs(error) >= 256 else error - 28 * sign(error)
            more = abs(trusted << 14) // abs(cosine) * sign(trusted) * sign(cosine)
            speed = clamp(speed + more, FAR)
        return speed, error

    def allows(self, cells: tuple[int, ...]) -> bool:
        """Whether the cells of a keyframe are within their ranges."""
        if self.constant:
            return not any(cells)
        match self.motion:
            case m.Linear():
                least, most = self.errors(0) if self.turn else (self.low - self.high, self.high - self.low)
                return least <= cells[0] <= most and abs(cells[1]) <= 8
            case m.Fade():
                return (cells[0] == 0 or self.low <= cells[0] <= self.high) and abs(cells[1]) <= 8
        return all(abs(cell) <= FAR for cell in cells)


def limits(shape: object) -> tuple[int, int]:
    match shape:
        case m.IntShape(low, high) | m.FixedShape(low, high, _):
            return low, high
        case m.AngleShape(bits) if 1 <= bits <= 16:
            return 0, (1 << bits) - 1
        case m.EnumShape(labels):
            return 0, len(labels) - 1
        case m.ColourShape(count):
            return 0, count - 1
        case m.BoolShape():
            return 0, 1
    raise DecodeError(f"the shape {shape}")


def odds_class(field: m.Field) -> int:
    """Which of the lists `fields` of assets/odds.json holds the first odds of the field."""
    match field.motion, field.shape:
        case m.Smooth(), _:
            return 0
        case m.Linear(), _:
            return 1
        case m.Hold(), m.IntShape() | m.FixedShape():
            return 2
        case m.Hold(), m.AngleShape():
            return 3
        case m.Hold(), _:
            return 4
        case m.Fade(), _:
            return 6
    return 5


def sign(value: int) -> int:
    return -1 if value < 0 else 1


def shrunk(value: int, shift: int) -> int:
    """value / 2^shift, rounded towards zero (Python's own shift rounds down)."""
    return -(-value >> shift) if value < 0 else value >> shift


def clamp(value: int, most: int) -> int:
    return min(max(value, -most), most)


def unrest(size: int) -> int:
    """The class of an error's size."""
    return sum(size >= step for step in (8, 16, 24, 40, 72, 136, 512))


def coarse(error: int, change: int) -> tuple[int, int, bool, int]:
    lean = 0 if change == 0 else 1 if abs(change) == 1 else 2 if abs(change) <= 7 else 3
    return unrest(64 * abs(error)), lean, False, 0 if error == 0 else 1 if error > 0 else 2


def cosine(turn: int) -> int:
    """The cosine of 65536ths of a turn, in 16384ths."""
    place, between = divmod(turn & 0xFFFF, 256)
    return COSINE[place] * (256 - between) + COSINE[place + 1] * between >> 8
