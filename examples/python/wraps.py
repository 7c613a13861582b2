"""Plays in rooms whose counters are about to wrap: python3 wraps.py ws://127.0.0.1:8080/play ROOM...

Two players walk and talk in each room, and one of them loses the connection and comes back. The exit code is 1 when something
repeats, stops or is lost.
"""

import sys
import time
from contextlib import ExitStack

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

import messages as m
from client import Client
from layouts import Correction

SECONDS = 8.0
LINES = 10
LINE_EVERY = 0.6
CUT_AT, CUT_FOR = 2.5, 0.8
JUMPS_AT = (1.5, 4.5, 6.0)  # under client authority: moves that the server refuses
TURN_EVERY = 0.4
METRE = 64
HALF = 1 << 31


class WrapPlayer:
    """A player in a room, with notes of what it saw."""

    def __init__(self, url: str, room: str, name: str, connections: ExitStack) -> None:
        self.url, self.name, self.connections = url, name, connections
        self.client = Client(m.ById(room), name)
        self.socket = None
        self.start = self.next_input = time.monotonic()
        self.said = self.continuities = 0
        self.lines: list[str] = []
        self.corrections: list[int] = []
        self.seen: dict[str, set[bool]] = {"tick": set(), "events": set(), "commands": set()}
        self.places: dict[int, set[tuple[int, int]]] = {}
        self.jumps = list(JUMPS_AT)
        self.goal: tuple[int, int] | None = None
        self.connect()

    def connect(self) -> None:
        connecting = connect(self.url, subprotocols=[Subprotocol(m.SUBPROTOCOL)], compression=None, max_size=None)
        self.socket = self.connections.enter_context(connecting)
        self.socket.send(self.client.hello())
        self.receive(self.socket.recv(timeout=10))
        if not self.client.joined:
            raise SystemExit(f"{self.name} got no welcome but {self.client.news}")
        if self.client.welcome.continuity != m.Continuity.FRESH:
            self.continuities += 1

    def cut(self) -> None:
        """The connection breaks without a goodbye."""
        self.socket.socket.close()
        self.socket = None

    def receive(self, data: str | bytes) -> None:
        assert isinstance(data, bytes)
        for message in self.client.receive(data, time.monotonic()):
            self.socket.send(message)
        client = self.client
        self.seen["tick"].add(client.tick >= HALF)
        self.seen["events"].add(client.events >= HALF)
        for item in client.news:
            if isinstance(item, Correction):
                self.corrections.append(item.epoch)
                self.goal = None
            elif isinstance(item.body, m.ChatEvent):
                self.lines.append(item.body.text)
        client.news.clear()
        for (kind, entity), found in client.view.entities.items():
            if kind == 0:
                self.places.setdefault(entity, set()).add(tuple(found.row.values[:2]))

    def turn(self, now: float) -> None:
        """Says what is due, and hears what came."""
        if self.socket is None:
            return
        if now >= self.next_input:
            self.next_input += 1 / self.client.welcome.rate
            values = self.values(now - self.start)
            for message in self.client.input(values, now) if values else []:
                self.socket.send(message)
        if self.said < LINES and now - self.start >= self.said * LINE_EVERY:
            self.socket.send(self.client.command(m.ChatCommand([], f"{self.name} {self.said}")))
            self.seen["commands"].add(self.client.unseen[-1].seq >= HALF)
            self.said += 1
        for message in self.client.poll(now):
            self.socket.send(message)
        try:
            while True:
                self.receive(self.socket.recv(timeout=0))
        except TimeoutError:
            pass

    def values(self, elapsed: float) -> list[int] | None:
        turns = int(elapsed / TURN_EVERY)
        if self.client.welcome.authority == m.Authority.SERVER:
            return [turns * 32 % 256, 1, 0, 0]
        own = self.client.view.entities.get((0, self.client.welcome.entity))
        if own is None:
            return None
        x, y = self.goal or tuple(own.row.values[:2])
        if self.jumps and elapsed >= self.jumps[0]:
            self.jumps.pop(0)
            x += 30 * METRE if x < 56 * METRE else -30 * METRE
        else:
            x += 16 if turns % 2 else -16
        self.goal = (x, y)
        return [x, y]

    def complaints(self, others: "list[WrapPlayer]", room: str) -> list[str]:
        client, view = self.client, self.client.view
        demands = {
            "few frames": client.frames > 0.6 * SECONDS * client.welcome.rate,
            "few hashes": view.hashes_checked >= SECONDS / 2,
            "wrong hashes": view.hashes_wrong == 0,
            f"players {client.players}": sorted(player.name for player in client.players.values())
            == sorted(other.name for other in others),
            f"commands that nobody saw: {client.unseen}": not client.unseen,
        }
        for other in others:
            heard = [line for line in self.lines if line.startswith(other.name)]
            expected = [f"{other.name} {number}" for number in range(LINES)]
            demands[f"heard of {other.name}: {heard}"] = heard == expected
            moved = len(self.places.get(other.client.welcome.entity, ()))
            demands[f"saw {other.name} at {moved} places"] = moved > 8
        both = {counter for counter, halves in self.seen.items() if len(halves) == 2}
        wanted = set(self.seen) if room.startswith("all") else {room} & set(self.seen)
        demands[f"wrapped: {both}"] = both == wanted
        if client.welcome.authority == m.Authority.CLIENT:
            demands[f"corrections {self.corrections}"] = 0 in self.corrections and len(self.corrections) >= 2
        return [f"{self.name} in {room}: {what}" for what, holds in demands.items() if not holds]


def play(url: str, room: str, connections: ExitStack) -> list[str]:
    _, bob = visitors = [WrapPlayer(url, room, name, connections) for name in ("Ada", "Bob")]
    start = time.monotonic()
    was_cut = False
    while (now := time.monotonic()) < start + SECONDS:
        for visitor in visitors:
            visitor.turn(now)
        if not was_cut and now >= start + CUT_AT:
            bob.cut()
            was_cut = True
        if bob.socket is None and now >= start + CUT_AT + CUT_FOR:
            bob.connect()
        time.sleep(0.005)
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints(visitors, room)]
    if bob.continuities != 1:
        complaints.append(f"Bob did not get his seat again in {room}")
    return complaints


def main() -> None:
    url, *rooms = sys.argv[1:]
    complaints = []
    for room in rooms:
        try:
            with ExitStack() as connections:
                found = play(url, room, connections)
        except ConnectionClosed as closed:
            found = [f"{room}: {closed}"]
        print(f"{room}: {'; '.join(found) or 'ok'}", flush=True)
        complaints += found
    sys.exit(len(complaints) > 0)


if __name__ == "__main__":
    main()
