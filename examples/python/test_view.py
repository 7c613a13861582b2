"""Zones with ticks of their own: what is applied, what is left out, and what an entity's row is."""

import unittest

from layouts import Chain, Fresh, Gone, Keyframe, Part
from test_golden import golden, schema
from view import View

# Ball 1 starts at (0, 0) and moves by (3, -1) per tick; in the last step it stops moving in x.
VECTOR = next(vector for vector in golden("zones.json") if vector["name"] == "a steady motion costs nothing")
DELTAS = [bytes.fromhex(step["delta"]) for step in VECTOR["steps"]]
KEYFRAMES = [bytes.fromhex(step["keyframe"]) for step in VECTOR["steps"]]
HASHES = [step["hash"] for step in VECTOR["steps"]]
VALUES = [tuple(step["rows"][0]["values"]) for step in VECTOR["steps"]]
BALL = (0, 1)


class Zones(unittest.TestCase):
    def setUp(self) -> None:
        self.view = View([])
        self.view.schema = schema(VECTOR["schema"])

    def apply(self, tick: int, *parts: Part) -> list[int]:
        return self.view.apply(list(parts), tick)

    def ball(self) -> tuple[int, ...] | None:
        entity = self.view.entities.get(BALL)
        return entity.row.values if entity else None

    def ticks(self) -> dict[int, int]:
        return {number: copy.tick for number, copy in self.view.zones.items()}

    def test_a_chain_leaves_out_what_the_client_has(self) -> None:
        self.apply(100, Part(0, 0, Fresh(DELTAS[:1]), HASHES[0]))
        self.assertEqual(self.apply(102, Part(0, 0, Chain(DELTAS[1:3]), HASHES[2])), [])
        self.assertEqual(self.ball(), VALUES[2])
        # Ticks 101 to 104, of which it has the first two.
        self.assertEqual(self.apply(104, Part(0, 0, Chain(DELTAS[1:]), HASHES[4])), [])
        self.assertEqual((self.ball(), self.ticks()), (VALUES[4], {0: 104}))
        self.assertEqual((self.view.hashes_checked, self.view.hashes_wrong), (3, 0))

    def test_ticks_wrap(self) -> None:
        self.apply((1 << 32) - 1, Part(0, 0, Keyframe(KEYFRAMES[0]), HASHES[0]))
        self.assertEqual(self.apply(1, Part(0, 0, Chain(DELTAS[1:3]), HASHES[2])), [])
        self.assertEqual(self.ticks(), {0: 1})

    def test_a_chain_that_starts_later_needs_a_keyframe(self) -> None:
        self.apply(100, Part(0, 0, Keyframe(KEYFRAMES[0]), HASHES[0]))
        self.assertEqual(self.apply(102, Part(0, 0, Chain(DELTAS[2:3]), None)), [0])
        self.assertEqual(self.apply(103, Part(0, 0, Chain(DELTAS[1:4]), None)), [])
        self.assertEqual(self.ball(), VALUES[0])
        self.assertEqual(self.apply(104, Part(0, 1, Keyframe(KEYFRAMES[3]), HASHES[3])), [])
        self.assertEqual(self.apply(104, Part(0, 0, Chain(DELTAS[4:]), HASHES[4])), [])
        self.assertEqual((self.ball(), self.ticks(), self.view.waiting), (VALUES[4], {0: 104}, set()))

    def test_a_chain_from_the_empty_zone_ends_the_wait_too(self) -> None:
        self.assertEqual(self.apply(100, Part(3, 0, Chain([b""]), None)), [3])
        self.assertEqual(self.apply(101, Part(3, 0, Fresh(DELTAS[:2]), HASHES[1])), [])
        self.assertEqual((self.ticks(), self.view.waiting), ({3: 101}, set()))

    def test_a_wrong_hash_and_a_delta_that_does_not_decode_need_a_keyframe(self) -> None:
        for part in (Part(0, 0, Chain([b""]), 1), Part(0, 0, Chain([b"\xff" * 4]), None)):
            self.setUp()
            self.apply(100, Part(0, 0, Keyframe(KEYFRAMES[0]), HASHES[0]))
            self.assertEqual(self.apply(101, part), [0])
            self.assertEqual(self.view.hashes_wrong, int(part.hash is not None))
            self.assertEqual(self.apply(101, Part(0, 0, Keyframe(KEYFRAMES[1]), HASHES[1])), [])

    def test_a_part_that_is_not_newer_changes_nothing(self) -> None:
        self.apply(104, Part(0, 1, Keyframe(KEYFRAMES[3]), HASHES[3]))
        for form in (Keyframe(KEYFRAMES[1]), Fresh(DELTAS[:1]), Gone(), Chain([b""])):
            self.assertEqual(self.apply(105, Part(0, 2, form, None)), [])
            self.assertEqual((self.ball(), self.ticks()), (VALUES[3], {0: 103}))

    def test_a_zone_without_rows_is_forgotten(self) -> None:
        empty = self.view.schema.hash(self.view.schema.empty())
        for form in (Gone(), Keyframe(b""), Fresh([b""])):
            self.apply(100, Part(0, 0, Keyframe(KEYFRAMES[0]), None))
            self.assertEqual(self.apply(101, Part(0, 0, form, empty)), [])
            self.assertEqual((self.ball(), self.ticks()), (None, {}))
            self.setUp()

    def test_of_several_rows_the_newest_counts_then_the_one_of_the_greatest_zone(self) -> None:
        self.apply(100, Part(7, 0, Keyframe(KEYFRAMES[0]), None), Part(2, 0, Keyframe(KEYFRAMES[1]), None))
        self.assertEqual(self.ball(), VALUES[0])
        self.apply(101, Part(2, 0, Keyframe(KEYFRAMES[2]), None))
        self.assertEqual(self.ball(), VALUES[2])

    def test_an_entity_on_its_way_stays_until_no_zone_is_older(self) -> None:
        other = next(vector for vector in golden("zones.json") if vector["name"] == "the first frame, then nothing new")
        ball5 = Keyframe(bytes.fromhex(other["steps"][0]["keyframe"]))
        self.apply(100, Part(0, 0, Keyframe(KEYFRAMES[0]), None), Part(1, 4, ball5, None))
        self.apply(102, Part(0, 0, Gone(), None), Part(1, 2, ball5, None))
        self.assertEqual((self.ball(), self.ticks()), (VALUES[0], {1: 100}))
        self.apply(104, Part(1, 2, ball5, None))
        self.assertEqual(self.ball(), None)
        self.assertEqual(list(self.view.entities), [(0, 5)])


if __name__ == "__main__":
    unittest.main()
