"""The Python SDK for servers of the Pusher protocol against a server of Tickwire: python sdk.py PORT ID KEY SECRET [into-room ROOM]."""

import sys

import pusher

port, app, key, secret, *rest = sys.argv[1:]


def made(secret):
    return pusher.Pusher(app_id=app, key=key, secret=secret, host="127.0.0.1", port=int(port), ssl=False)


def refused(error, call):
    """Checks that the call is refused in this way; returns what the server says."""
    try:
        call()
    except error as why:
        return str(why)
    raise SystemExit(f"it should be refused with {error.__name__}")


def into_room(room):
    assert client.trigger(f"room-{room}", "notice", {"text": "tea at five"}) == {}
    why = refused(pusher.errors.PusherForbidden, lambda: client.trigger(f"room-{room}", "shout", {}))
    assert "must be notice" in why, why
    refused(pusher.errors.PusherBadStatus, lambda: client.trigger("room-nowhere", "notice", {}))
    print("the Python SDK has spoken into a room")


def everything():
    assert client.trigger(["news", "more-news"], "hello", {"n": 1}) == {}
    client.trigger_batch([{"channel": "news", "name": "hello", "data": "x"}])
    assert client.channel_info("news", ["subscription_count"])["occupied"] in (True, False)
    assert isinstance(client.channels_info("presence-", ["user_count"])["channels"], dict)
    assert client.users_info("presence-lobby") == {"users": [{"id": "bob"}]}
    signed = client.authenticate("presence-lobby", "12.34", {"user_id": "ada"})
    assert signed["auth"].startswith(key + ":")
    refused(pusher.errors.PusherBadAuth, lambda: made("another secret").trigger("a", "b", {}))
    print("the Python SDK is content")


client = made(secret)
if rest:
    into_room(rest[1])
else:
    everything()
