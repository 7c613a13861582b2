"""The golden vectors of tests/golden that concern a client, and what happens to damaged ones.

python3 -m unittest discover --start-directory examples/python
"""

import json
import unittest
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import bincode
import messages as m
from client import Client
from layouts import Ack, Frame, Inputs, Run, decode_frame, encode_inputs
from motion import Field
from zone import Schema, Zone

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
MUTATIONS = 20_000


def golden(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


def built(kind: Any, value: Any) -> Any:
    """The value of a type as Rust's serde writes it: variants by name, bytes as lists of numbers."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated or kind in (int, str, bool):
        return value
    if kind is bytes:
        return bytes(value)
    if origin is list:
        return [built(inner[0], item) for item in value]
    if origin is tuple:
        return tuple(built(part, item) for part, item in zip(inner, value, strict=True))
    if origin in (Union, UnionType) and inner[-1] is NoneType:
        return None if value is None else built(inner[0], value)
    if origin in (Union, UnionType):
        name, content = (value, {}) if isinstance(value, str) else next(iter(value.items()))
        (variant,) = (one for one in inner if spelt(one) == name)
        return built(variant, content)
    if isinstance(value, str):
        return kind[value.upper()]
    hints = bincode.hints(kind)
    if len(hints) == 1 and not (isinstance(value, dict) and next(iter(hints)) in value):
        return kind(built(next(iter(hints.values())), value))
    names = {"sender": "from"}
    return kind(*(built(hint, value[names.get(name, name)]) for name, hint in hints.items()))


def spelt(variant: type) -> str:
    name = variant.__name__
    return name.removesuffix("Shape").removesuffix("Command").removesuffix("Event")


def schema(kinds: Any) -> Schema:
    return Schema(built(list[m.Kind], kinds))


def ack(value: Any) -> Ack:
    ((form, tick),) = value["tick"].items()
    return Ack(tick, value["events"], form == "Full")


def marked(ids: list[list[int]]) -> list[list[int]]:
    return [[kind, id] for kind, of_kind in enumerate(ids) for id in of_kind]


def rows(zone: Zone) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "id": id, "values": list(row.values)}
        for kind, table in enumerate(zone.tables)
        for id, row in table.items()
    ]


class Messages(unittest.TestCase):
    def test_messages_of_the_server(self) -> None:
        for vector in golden("messages.json")["server"]:
            with self.subTest(vector["name"]):
                data = bytes.fromhex(vector["hex"])
                ((name, content),) = vector["message"].items()
                if name == "Frame":
                    self.assertEqual(decode_frame(data), built(Frame, content))
                else:
                    message = m.decode(data)
                    self.assertEqual(message, built(type(message), content))
                    self.assertEqual(name, type(message).__name__)
                    self.assertEqual(data[1:], bincode.pack(message, type(message)))

    def test_messages_of_the_client(self) -> None:
        packed = {vector["name"]: vector["hex"] for vector in golden("inputs.json")}
        kinds = {kind.__name__: kind for kind in m.CLIENT.values()}
        for vector in golden("messages.json")["client"]:
            with self.subTest(vector["name"]):
                ((name, content),) = vector["message"].items()
                if name == "Inputs":  # inputs.json has the values
                    self.assertEqual(packed[vector["name"]], vector["hex"])
                elif name == "Ack":
                    self.assertEqual(encode_inputs(ack(content)).hex(), vector["hex"])
                else:
                    message = built(kinds[name], content)
                    self.assertEqual(m.encode(message).hex(), vector["hex"])
                    reader = bincode.Reader(bytes.fromhex(vector["hex"])[1:])
                    self.assertEqual(bincode.unpack(reader, kinds[name]), message)
                    reader.end()

    def test_inputs(self) -> None:
        for vector in golden("inputs.json"):
            with self.subTest(vector["name"]):
                client = Client(m.ById(""), "")
                client.input_fields = [Field(field) for field in built(list[m.Field], vector["schema"])]
                runs = [Run(run["count"], client.pack_input(run["values"])) for run in vector["runs"]]
                message = Inputs(ack(vector["ack"]), vector["epoch"], vector["view"], vector["held"], runs)
                self.assertEqual(encode_inputs(message).hex(), vector["hex"])

    def test_close_codes(self) -> None:
        for vector in golden("close.json"):
            self.assertEqual(m.invites_back(vector["code"]), vector["invites_back"], vector["label"])


class Zones(unittest.TestCase):
    def steps(self, vector: dict[str, Any]) -> None:
        kinds = schema(vector["schema"])
        zone = kinds.empty()
        for step in vector["steps"]:
            zone = kinds.delta(zone, bytes.fromhex(step["delta"]))
            self.assertEqual(kinds.hash(zone), step["hash"])
            if "keyframe" in step:
                whole = kinds.keyframe(bytes.fromhex(step["keyframe"]))
                self.assertEqual(whole.tables, zone.tables)
            if "rows" in step:
                self.assertEqual(rows(zone), step["rows"])
                self.assertEqual(marked(zone.teleported), step.get("teleported", []))
                self.assertEqual(marked(zone.crossed), step.get("crossed", []))

    def test_zones(self) -> None:
        for vector in golden("zones.json"):
            with self.subTest(vector["name"]):
                self.steps(vector)

    def test_a_long_walk(self) -> None:
        self.steps(golden("walk.json"))

    def test_a_crowd(self) -> None:
        vector = golden("crowd.json")
        kinds = schema(vector["schema"])
        zone = kinds.keyframe(bytes.fromhex(vector["keyframe"]))
        for delta in vector["deltas"]:
            zone = kinds.delta(zone, bytes.fromhex(delta))
        self.assertEqual(kinds.hash(zone), vector["hash"])

    def test_hashes(self) -> None:
        for vector in golden("hash.json"):
            kinds = schema(vector["schema"])
            zone = kinds.keyframe(bytes.fromhex(vector["keyframe"]))
            self.assertEqual(kinds.hash(zone), vector["hash"], vector["name"])

    def test_frames_to_one_client(self) -> None:
        for vector in golden("frames.json"):
            with self.subTest(vector["name"]):
                client = Client(m.ById(""), "")
                client.receive(bytes.fromhex(vector["welcome"]), 0.0)
                for message in vector["messages"]:
                    ignored = client.ignored
                    client.receive(bytes.fromhex(message["hex"]), 0.0)
                    view = client.view
                    hashes = {str(number): view.schema.hash(copy.state) for number, copy in view.zones.items()}
                    self.assertEqual(client.ignored > ignored, message["outdated"])
                    self.assertEqual(client.tick, message["tick"])
                    self.assertEqual(client.consumed, message["consumed"])
                    self.assertEqual(hashes, message["hashes"])
                self.assertGreater(client.view.hashes_checked, 0)
                self.assertEqual(client.view.hashes_wrong, 0)


if __name__ == "__main__":
    unittest.main()
