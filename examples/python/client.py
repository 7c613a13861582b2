"""A client of the protocol without sockets and clocks: bytes in, bytes out, the time as an argument in seconds.

    client = Client(JoinOrCreate("arena", []), "Ada")
    send(client.hello())                       # first on every connection
    for data in arriving: send_all(client.receive(data, now))
    send_all(client.input(values, now))        # once per tick of the room
    send_all(client.poll(now))                 # every few hundredths of a second

It draws nothing and predicts nothing; `view.entities` has the rows of the newest frame.
"""

from collections.abc import Iterable
from typing import Any

import messages as m
from bincode import DecodeError
from layouts import Absolute, Ack, Correction, Dense, Frame, Inputs, Long, Run, Short, decode_frame, encode_inputs, is_frame
from motion import Field
from view import WRAP, View, newer

ACK_AFTER = 0.05  # at most 0.1 s
HELD_AFTER = 0.2  # at most 0.25 s
MOST_HELD = 1200


class Client:
    def __init__(
        self,
        join: m.JoinOrCreate | m.Create | m.ById | m.Reserved | m.Return,
        name: str,
        role: m.Role = m.Role.PLAYER,
        features: int = m.Feature.INPUT_LEAD | m.Feature.VIEW_TIME | m.Feature.DENSE_LIST,
    ) -> None:
        self.join, self.name, self.role, self.features = join, name, role, features
        self.welcome: m.Welcome | None = None  # of the last connection
        self.joined = False  # on this connection
        self.view = View([])
        self.state_known = False  # a frame came that continues from what the client has
        self.incarnation = self.tick = self.consumed = self.superseded = self.epoch = 0
        self.lead: int | None = None  # the input lead, once the server has told it
        self.frames = self.ignored = 0
        self.players: dict[int, m.Player] = {}
        self.properties: dict[str, str] = {}
        self.news: list[Any] = []  # events, corrections, pongs and the like, which the application takes from here
        self.events = self.events_acked = self.listed = 0
        self.unseen: list[m.Command] = []  # commands that the game has not seen
        self.commands = 0
        self.input_fields: list[Field] = []
        self.packed = b""  # the last input
        self.held = 0  # inputs equal to it that were not sent
        self.input_sent = 0.0
        self.ack_sent = 0.0
        self.ack_due = False

    def hello(self) -> bytes:
        """The first message of a connection. After an earlier one, it claims the seat and the state of that one."""
        join, resume = self.join, None
        if self.welcome and self.welcome.resume is not None:
            join = m.ById(self.welcome.room)
            resume = m.Resume(self.welcome.resume, self.incarnation, self.state_tick(), self.events)
        self.joined = False
        return m.encode(m.Hello(m.VERSION, self.features, join, self.role, self.name, resume=resume))

    def state_tick(self) -> int | None:
        """The tick of the client's state, when all of it has that tick."""
        current = all(copy.tick == self.tick for copy in self.view.zones.values())
        return self.tick if self.state_known and current and not self.view.waiting else None

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """Applies a message of the server and returns the messages to send. A `DecodeError` ends the connection."""
        if is_frame(data):
            return self.receive_frame(decode_frame(data), now)
        message = m.decode(data)
        if isinstance(message, m.Welcome):
            return self.receive_welcome(message, now)
        if isinstance(message, m.Delivery):
            self.require_welcome()
            self.receive_events(message.events)
            self.seen(message.commands)
            self.ack_due = True
            return self.poll(now)
        self.news.append(message)
        return []

    def require_welcome(self) -> m.Welcome:
        if not self.joined or not self.welcome:
            raise DecodeError("a message before the welcome")
        return self.welcome

    def receive_welcome(self, welcome: m.Welcome, now: float) -> list[bytes]:
        if self.joined or welcome.version != m.VERSION:
            raise DecodeError(f"an unexpected welcome, version {welcome.version}")
        inputs = [Field(field) for field in welcome.inputs]
        if welcome.continuity == m.Continuity.STATE:
            if welcome.tick != self.state_tick():
                raise DecodeError("a welcome to a state that was not claimed")
        else:
            self.view = View(welcome.schema)
            self.state_known = False
        if welcome.continuity == m.Continuity.FRESH:
            self.unseen.clear()
            self.commands = welcome.commands
        self.welcome, self.joined = welcome, True
        self.incarnation, self.tick, self.epoch = welcome.incarnation, welcome.tick, welcome.epoch
        self.consumed = self.superseded = 0
        self.events = self.events_acked = welcome.events
        fresh = welcome.continuity == m.Continuity.FRESH
        self.listed = welcome.events if fresh else welcome.listed  # the newest event that the lists include
        self.players = {player.seat: player for player in welcome.players}
        self.properties = dict(welcome.properties)
        self.input_fields, self.held = inputs, 0
        self.packed = self.pack_input([field.saturate(0) for field in inputs])
        self.input_sent = self.ack_sent = now
        self.seen(welcome.commands)
        return [m.encode(self.repeatable(command)) for command in self.unseen]

    def repeatable(self, command: m.Command) -> m.Command:
        """Seats of a private line may have new owners by now, so it becomes the empty one, which nobody sees."""
        if isinstance(command.body, m.ChatCommand) and command.body.to:
            command.body = m.ChatCommand([], "")
        return command

    def receive_frame(self, frame: Frame, now: float) -> list[bytes]:
        self.require_welcome()
        before = self.tick
        if not self.advance(frame):
            self.ignored += 1
            return []
        self.frames += 1
        self.state_known = True
        dropped = frame.note.superseded if frame.note else 0
        self.superseded = dropped if isinstance(frame.stamp, Absolute) else self.superseded + dropped & WRAP
        if note := frame.note:
            self.seen(note.commands)
            self.lead = self.lead if note.lead is None else note.lead
            self.correct(note.correction)
        self.receive_events(frame.events)
        lacking = self.view.apply(frame.zones, self.tick)
        self.ack_due = True
        if self.tick - before & WRAP != 1:
            self.ack_sent = now - ACK_AFTER  # the server may be waiting for it
        return [m.encode(m.Resync(zone, self.tick)) for zone in lacking] + self.poll(now)

    def advance(self, frame: Frame) -> bool:
        """Takes the frame's tick and `consumed`. False when the frame is repeated or overtaken."""
        stamp, note = frame.stamp, frame.note
        if isinstance(stamp, Absolute):
            welcomed = self.require_welcome().incarnation
            incarnation = welcomed if note is None or note.incarnation is None else note.incarnation
            if incarnation < self.incarnation:
                return False
            if incarnation == self.incarnation and not newer(stamp.tick, self.tick):
                return False
            if incarnation > self.incarnation:
                self.view.forget()
                self.incarnation = incarnation
            self.tick, self.consumed = stamp.tick, stamp.consumed
            return True
        ticks, inputs = (16, 4) if isinstance(stamp, Short) else (32, 8) if isinstance(stamp, Long | Dense) else (256, 256)
        step = (stamp.tick - self.tick) % ticks
        if step == 0 or step > ticks // 2:
            return False
        self.tick = self.tick + step & WRAP
        self.consumed = self.consumed + (stamp.consumed - self.consumed) % inputs & WRAP
        return True

    def correct(self, correction: Correction | None) -> None:
        if correction and correction.epoch != self.epoch:
            self.epoch = correction.epoch
            self.news.append(correction)

    def seen(self, commands: int | None) -> None:
        if commands is not None:
            self.unseen = [command for command in self.unseen if newer(command.seq, commands)]
            self.commands = commands if newer(commands, self.commands) else self.commands

    def receive_events(self, events: m.Events | None) -> None:
        """Events are numbered, so that one that comes again is known."""
        self.require_welcome()
        if events is None:
            return
        for number, event in enumerate(events.items, events.first):
            if not newer(number & WRAP, self.events):
                continue
            self.events = number & WRAP
            if newer(self.events, self.listed):
                self.listed = self.events
                self.change_lists(event.body)
            self.news.append(event)
        end = events.first + len(events.items) - 1 & WRAP
        self.events = end if newer(end, self.events) else self.events

    def change_lists(self, body: object) -> None:
        match body:
            case m.Joined(player):
                self.players[player.seat] = player
            case m.Left(seat):
                self.players.pop(seat, None)
            case m.Disconnected(seat) | m.Reconnected(seat) if seat in self.players:
                self.players[seat].away = isinstance(body, m.Disconnected)
            case m.Property(key, ""):
                self.properties.pop(key, None)
            case m.Property(key, value):
                self.properties[key] = value

    def poll(self, now: float) -> list[bytes]:
        """The acknowledgement, when it is due."""
        if not self.ack_due or now - self.ack_sent < ACK_AFTER:
            return []
        return [encode_inputs(self.ack(now))]

    def ack(self, now: float) -> Ack:
        events = self.events if self.events != self.events_acked else None
        self.events_acked = self.events
        self.ack_due, self.ack_sent = False, now
        return Ack(self.tick & 255, events)

    def input(self, values: Iterable[int], now: float, view_time: float = 0.0) -> list[bytes]:
        """Makes the next input: a value per field of `welcome.inputs`. Equal ones are sent together.

        `view_time` is by how many ticks the player is shown an older moment than the newest frame.
        """
        welcome = self.require_welcome()
        if self.role == m.Role.SPECTATOR:
            raise ValueError("a spectator sends no inputs")
        packed = self.pack_input(values)
        runs = []
        if packed == self.packed:
            self.held += 1
            if self.held < MOST_HELD and now - self.input_sent < HELD_AFTER:
                return []
            held, self.held = self.held, 0
        else:
            held, self.held, self.packed = self.held, 0, packed
            runs = [Run(1, packed)]
        self.input_sent = now
        told = bool(welcome.features & self.features & m.Feature.VIEW_TIME)
        view = min(max(round(view_time * 16), 0), 65535) if told else None
        return [encode_inputs(Inputs(self.ack(now), self.epoch, view, held, runs))]

    def pack_input(self, values: Iterable[int]) -> bytes:
        """The values less their minimums as a string of bits, the lowest first."""
        total = place = 0
        for field, value in zip(self.input_fields, values, strict=True):
            if not field.low <= value <= field.high:
                raise ValueError(f"{value} is not within {field.low} to {field.high}")
            total |= value - field.low << place
            place += (field.high - field.low).bit_length()
        return total.to_bytes(max(1, (place + 7) // 8), "little")

    def command(self, body: m.GameCommand | m.CallCommand | m.ChatCommand) -> bytes:
        """Sends a command to the game; it is sent again after a reconnect until the game has seen it."""
        self.require_welcome()
        last = self.unseen[-1].seq if self.unseen else self.commands
        command = m.Command(last + 1 & WRAP, body)
        self.unseen.append(command)
        return m.encode(command)
