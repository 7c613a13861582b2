"""Joins a game, walks about, and prints what came: python3 play.py ws://127.0.0.1:8080/play --seconds 10

The last line has the figures of the whole visit. The exit code is 1 if a hash was wrong.
"""

import argparse
import random
import sys
import time

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

import messages as m
from bincode import DecodeError
from client import Client

STEP_FOR = 0.5  # seconds that it keeps an input
CATCH_UP = 0.25  # after a longer pause, missed inputs are not made up for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8080/play")
    parser.add_argument("--game", default="arena")
    parser.add_argument("--name", default="Python")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    client = Client(m.JoinOrCreate(options.game, []), options.name)
    try:
        # Messages of the server have no upper limit, and the protocol has no compression.
        with connect(options.url, subprotocols=[Subprotocol(m.SUBPROTOCOL)], compression=None, max_size=None) as socket:
            play(client, socket, options.seconds)
    except ConnectionClosed as closed:
        code, text = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "the connection was lost")
        advice = "come back later" if m.invites_back(code) else "do not come back"
        sys.exit(f"closed with {code}: {text} ({advice})")
    except (OSError, WebSocketException) as error:
        sys.exit(f"cannot connect to {options.url}: {error}")
    except DecodeError as error:
        sys.exit(f"the server sent what is not valid: {error}")
    report(client)
    sys.exit(client.view.hashes_wrong > 0)


def play(client: Client, socket: ClientConnection, seconds: float) -> None:
    socket.send(client.hello())
    client.receive(binary(socket.recv(timeout=10)), time.monotonic())
    welcome = client.welcome
    if not client.joined or not welcome:
        raise SystemExit(f"no welcome but {client.news}")
    if welcome.authority != m.Authority.SERVER:
        raise SystemExit("a walk needs a game whose server moves the players")
    print(f"room {welcome.room}, seat {welcome.seat}, {welcome.rate} ticks per second")
    start = time.monotonic()
    next_input = next_report = start
    values: list[int] = []
    change = start
    while (now := time.monotonic()) < start + seconds:
        if now >= change:
            values = [random.randint(field.low, field.high) for field in client.input_fields]
            change = now + STEP_FOR
        if now >= next_input:
            # It shows the newest frame, so its view time is 0.
            send(socket, client.input(values, now))
            next_input = max(next_input + 1 / welcome.rate, now - CATCH_UP)
        if now >= next_report:
            report(client)
            next_report += 1
        send(socket, client.poll(now))
        try:
            data = socket.recv(timeout=max(0.0, next_input - time.monotonic()))
        except TimeoutError:
            continue
        send(socket, client.receive(binary(data), time.monotonic()))
        for item in client.news:
            print(f"  {item}")
        client.news.clear()


def binary(data: str | bytes) -> bytes:
    if isinstance(data, str):
        raise SystemExit("the server sent text")
    return data


def send(socket: ClientConnection, messages: list[bytes]) -> None:
    for message in messages:
        socket.send(message)


def report(client: Client) -> None:
    view = client.view
    figures = {
        "tick": client.tick,
        "frames": client.frames,
        "players": len(client.players),
        "entities": len(view.entities),
        "inputs consumed": client.consumed,
        "hashes checked": view.hashes_checked,
        "hashes wrong": view.hashes_wrong,
    }
    print(", ".join(f"{name} {value}" for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
