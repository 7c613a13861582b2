"""What a client says and when, and that damaged messages raise nothing but `DecodeError`."""

import random
import time
import unittest
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import bincode
import messages as m
from bincode import DecodeError
from client import Client
from layouts import decode_frame, is_frame
from motion import BOUND, Field
from test_golden import golden, schema

MUTATIONS = 20_000
SCHEMA = [m.Kind("ball", [m.Field("x", m.IntShape(-1000, 1000), m.Linear())])]
INPUTS = [m.Field("dx", m.IntShape(-127, 127), m.Hold()), m.Field("dash", m.BoolShape(), m.Hold())]


def welcome(**changed: Any) -> bytes:
    usual = m.Welcome(
        m.VERSION, m.Feature.VIEW_TIME, "k7f3q2", 7, "arena", 20, 100, 3, 9, m.Authority.SERVER, 0, b"token",
        m.Continuity.FRESH, 0, 0, 0, None, SCHEMA, INPUTS, [("map", "yard")], [m.Player(3, 9, "Ada", False)], [],
    )  # fmt: skip
    for name, value in changed.items():
        setattr(usual, name, value)
    return b"\0" + bincode.pack(usual, m.Welcome)


def joined(**changed: Any) -> Client:
    client = Client(m.JoinOrCreate("arena", []), "Ada")
    client.hello()
    client.receive(welcome(**changed), 0.0)
    return client


def nothing(tick: int, consumed: int = 0) -> bytes:
    """A frame without parts, with the lowest bits of its tick."""
    return bytes([64 | 16, tick % 32 | consumed % 8 << 5, 0])


class Speaking(unittest.TestCase):
    def test_an_acknowledgement_is_due_at_once_when_a_tick_is_left_out(self) -> None:
        client = joined()
        self.assertEqual(client.receive(nothing(101), 0.01), [])
        self.assertEqual(client.poll(0.05), [bytes([128, 101])])
        self.assertEqual(client.poll(1.0), [])
        self.assertEqual(client.receive(nothing(103), 0.06), [bytes([128, 103])])
        self.assertEqual(client.tick, 103)

    def test_a_repeated_or_overtaken_frame_changes_nothing(self) -> None:
        client = joined()
        client.receive(nothing(105, 3), 0.0)
        for late in (nothing(105, 7), nothing(104, 7), nothing(105 - 15, 7)):
            self.assertEqual(client.receive(late, 9.0), [])
        self.assertEqual((client.tick, client.consumed, client.ignored), (105, 3, 3))
        client.receive(bytes([64 | 32 | 16, 102, 9, 0]), 9.0)
        self.assertEqual((client.tick, client.ignored), (105, 4))
        client.receive(bytes([64 | 32 | 16, 250, 9, 0]), 9.0)
        self.assertEqual((client.tick, client.consumed), (250, 9))

    def test_equal_inputs_wait_for_each_other(self) -> None:
        client = joined()
        self.assertEqual(client.input([0, 0], 0.05), [])
        self.assertEqual(client.input([0, 0], 0.10), [])
        # A tick of 100, a view time of 0, two held inputs, and 130 with the bit of the dash behind it.
        self.assertEqual(client.input([3, 1], 0.15), [bytes([128 | 32 | 4, 100, 0, 2, 130, 1])])
        self.assertEqual(client.input([3, 1], 0.20), [])
        self.assertEqual(client.input([3, 1], 0.40, 1.5), [bytes([128 | 32 | 4, 100, 24, 2])])
        with self.assertRaises(ValueError):
            client.input([128, 0], 0.45)

    def test_view_time_is_told_when_it_is_agreed_only(self) -> None:
        client = joined(features=0)
        self.assertEqual(client.input([0, 1], 0.0), [bytes([128, 100, 127, 1])])

    def test_a_zone_that_cannot_be_applied_is_asked_for_once(self) -> None:
        client = joined()
        # A chain for zone 0, which the client does not have.
        self.assertEqual(client.receive(bytes([128 | 101 % 16]), 0.0), [m.encode(m.Resync(0, 101))])
        self.assertEqual(client.receive(bytes([128 | 102 % 16]), 0.0), [])
        self.assertEqual(client.view.waiting, {0})
        self.assertIsNone(client.state_tick())

    def test_a_reconnect_claims_the_seat_and_sends_unseen_commands_again(self) -> None:
        client = joined()
        client.command(m.GameCommand(1, b"a"))
        client.command(m.ChatCommand([4], "psst"))
        client.receive(nothing(101), 0.0)
        wanted = m.Resume(b"token", 7, 101, 0)
        hello = bincode.unpack(bincode.Reader(client.hello()[1:]), m.Hello)
        self.assertEqual((hello.join, hello.resume), (m.ById("k7f3q2"), wanted))
        state = welcome(continuity=m.Continuity.STATE, tick=101, commands=1, events=0)
        self.assertEqual(client.receive(state, 1.0), [m.encode(m.Command(2, m.ChatCommand([], "")))])
        self.assertEqual(client.receive(nothing(102), 1.0), [])
        self.assertEqual((client.tick, client.consumed), (102, 0))
        client.hello()
        with self.assertRaises(DecodeError):
            client.receive(welcome(continuity=m.Continuity.STATE, tick=99), 2.0)

    def test_events_come_once_and_change_the_lists(self) -> None:
        client = joined()
        items = [m.Event(0, m.Joined(m.Player(4, 10, "Zoë", False))), m.Event(0, m.Property("map", ""))]
        delivery = b"\5" + bincode.pack(m.Delivery(100, None, m.Events(1, 0, items)), m.Delivery)
        self.assertEqual(client.receive(delivery, 1.0), [bytes([128 | 1, 100, 2])])
        client.receive(delivery, 2.0)
        self.assertEqual(len(client.news), 2)
        self.assertEqual((sorted(client.players), client.properties), ([3, 4], {}))

    def test_a_frame_of_a_later_incarnation_is_newer_whatever_its_tick(self) -> None:
        client = joined()
        for incarnation, tick in ((6, 100), (8, 5), (8, 5), (7, 50)):
            client.receive(bytes([64 | 32 | 16 | 2, tick, 0, 128, 1, incarnation, 0]), 0.0)
        self.assertEqual((client.incarnation, client.tick, client.frames), (8, 5, 1))

    def test_a_schema_that_makes_no_sense_is_refused(self) -> None:
        shapes: list[Any] = [
            m.AngleShape(0),
            m.AngleShape(17),
            m.IntShape(2, 1),
            m.IntShape(0, BOUND + 1),
            m.EnumShape([]),
        ]
        for shape in shapes:
            with self.assertRaises(DecodeError):
                Field(m.Field("odd", shape, m.Hold()))
        for heading in (0, 1, 200):
            fields = [m.Field("x", m.IntShape(0, 9), m.Along(heading)), m.Field("h", m.AngleShape(8), m.Hold())]
            with self.assertRaises(DecodeError):
                joined(schema=[m.Kind("kind", fields)])


def damaged(data: bytes, dice: random.Random) -> bytes:
    body = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(body) + 1)
        match dice.randrange(5):
            case 0:
                body[place : place + 1] = bytes([dice.randrange(256)])
            case 1:
                body[place:] = b""
            case 2:
                body[place:place] = dice.randbytes(dice.randint(1, 8))
            case 3:
                body[place : place + 1] = dice.choice([b"\xff", b"\xfc\xff\xff\xff\xff", b"\xfb\xff\xff", b"\0"])
            case _ if place < len(body):
                body[place] ^= 1 << dice.randrange(8)
    return bytes(body)


Target = tuple[bytes, Callable[[bytes], object]]


def decoded(data: bytes) -> object:
    return decode_frame(data) if is_frame(data) else m.decode(data)


def targets() -> list[Target]:
    """Each valid message or payload, and what takes it."""
    found: list[Target] = [(bytes.fromhex(vector["hex"]), decoded) for vector in golden("messages.json")["server"]]
    for vector in golden("zones.json"):
        kinds = schema(vector["schema"])
        zone = kinds.empty()
        for step in vector["steps"]:
            delta = bytes.fromhex(step["delta"])
            found.append((delta, partial(kinds.delta, zone)))
            found.append((bytes.fromhex(step["keyframe"]), kinds.keyframe))
            zone = kinds.delta(zone, delta)
    for vector in golden("frames.json"):
        client = Client(m.ById(""), "")
        client.receive(bytes.fromhex(vector["welcome"]), 0.0)
        for count, message in enumerate(vector["messages"]):
            data = bytes.fromhex(message["hex"])
            if count % 10 == 0:
                found.append((data, partial(received, deepcopy(client))))
            client.receive(data, 0.0)
    return found


def received(client: Client, data: bytes) -> None:
    deepcopy(client).receive(data, 0.0)


class Damaged(unittest.TestCase):
    def test_damaged_messages_raise_decode_errors_only(self) -> None:
        dice = random.Random(14)
        valid = targets()
        refused = slowest = 0.0
        for count in range(MUTATIONS):
            data, take = valid[count % len(valid)]
            began = time.perf_counter()
            try:
                take(damaged(data, dice))
            except DecodeError:
                refused += 1
            slowest = max(slowest, time.perf_counter() - began)
        self.assertGreater(refused, MUTATIONS / 2)
        self.assertLess(slowest, 30)


if __name__ == "__main__":
    unittest.main()
