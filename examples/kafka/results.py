"""Takes the results of matches from Kafka, each exactly once: python3 results.py BROKERS TOPIC DATABASE.

Kafka delivers a record at least once, and a server of Tickwire tells an entry at least once. Both may come twice, always with the same
key: the source and the id of its event. What a result leads to, here a table of hits by seat, is written in the same transaction as the
key, so the second time nothing happens. Kill it whenever you like, or run several: SQLite lets one write at a time.
"""

import json
import sqlite3
import sys

from confluent_kafka import Consumer

BATCH = 100


def attributes(record):
    """The event of a record, in either mode of CloudEvents: as a whole in the value, or its attributes in headers."""
    headers = {name: value.decode() for name, value in record.headers() or []}
    if "ce_id" in headers:
        return {**{name[3:]: value for name, value in headers.items()}, "data": json.loads(record.value())}
    return json.loads(record.value())


def take(database, event):
    """What follows from a result. Returns whether it was new."""
    key = (event["source"], event["id"])
    if not database.execute("INSERT OR IGNORE INTO taken VALUES (?, ?)", key).rowcount:
        return False
    result = event["data"]["result"]
    database.execute("INSERT INTO results VALUES (?, ?)", (event["data"]["room"], json.dumps(result)))
    for seat, hits in result.get("hits", {}).items():
        add = "INSERT INTO hits VALUES (?, ?) ON CONFLICT (seat) DO UPDATE SET hits = hits + excluded.hits"
        database.execute(add, (int(seat), hits))
    return True


def main(brokers, topic, path):
    database = sqlite3.connect(path, timeout=30)
    with database:
        database.execute("CREATE TABLE IF NOT EXISTS taken (source, id, PRIMARY KEY (source, id))")
        database.execute("CREATE TABLE IF NOT EXISTS results (room, result)")
        database.execute("CREATE TABLE IF NOT EXISTS hits (seat INTEGER PRIMARY KEY, hits)")
    settings = {
        "bootstrap.servers": brokers,
        "group.id": "results",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "session.timeout.ms": 6000,  # after a crash, another one takes over so soon
    }
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    while True:
        records = [record for record in consumer.consume(BATCH, timeout=0.5) if not record.error()]
        if not records:
            continue
        with database:
            events = [event for event in map(attributes, records) if event["type"] == "tickwire.match.ended"]
            new = sum(take(database, event) for event in events)
        # Only now: what is lost before comes again.
        consumer.commit(asynchronous=False)
        print(f"{new} new results, {len(events) - new} known ones", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(f"usage: {sys.argv[0]} BROKERS TOPIC DATABASE")
    main(*sys.argv[1:])
