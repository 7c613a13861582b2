"""The Python SDK for servers of the Pusher protocol against a server of Tickwire: python sdk.py PORT ID KEY SECRET."""

import sys

import pusher

port, app, key, secret = sys.argv[1:]
client = pusher.Pusher(app_id=app, key=key, secret=secret, host="127.0.0.1", port=int(port), ssl=False)
assert client.trigger(["news", "more-news"], "hello", {"n": 1}) == {}
client.trigger_batch([{"channel": "news", "name": "hello", "data": "x"}])
assert client.channel_info("news", ["subscription_count"])["occupied"] in (True, False)
assert isinstance(client.channels_info("presence-", ["user_count"])["channels"], dict)
assert client.users_info("presence-lobby") == {"users": [{"id": "bob"}]}
signed = client.authenticate("presence-lobby", "12.34", {"user_id": "ada"})
assert signed["auth"].startswith(key + ":")
try:
    pusher.Pusher(app_id=app, key=key, secret="another secret", host="127.0.0.1", port=int(port), ssl=False).trigger("a", "b", {})
except pusher.errors.PusherForbidden as error:
    raise SystemExit(f"it should be 401: {error}") from error
except pusher.errors.PusherBadAuth:
    print("the Python SDK is content")
