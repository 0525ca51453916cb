"""A frontend in a process of its own: writes the events of a host as lines of JSON, as `volary events` does.

  grpc_follower.py SOCKET [AFTER LOG]      begins after a number, if one is given

When its connection breaks it comes back with the number of its last event.
"""

from __future__ import annotations

import json
import sys

import grpc
from volary.bus.v1 import bus_pb2, bus_pb2_grpc


def line(item) -> dict:
    what = item.WhichOneof("kind")
    if what == "started":
        return {"number": item.number, "log": item.started.log}
    if what == "gap":
        return {"number": item.number, "gap": None if item.gap.all else list(item.gap.profiles)}
    if what != "event":
        return {"number": item.number}
    name = item.event.WhichOneof("kind")
    kind = getattr(item.event, name)
    event = {"kind": "".join(part.capitalize() for part in name.split("_"))}
    event |= {to: getattr(kind, of) for of, to in (("chat_id", "chatId"), ("msg_id", "msgId")) if hasattr(kind, of)}
    return {"contextId": item.event.profile_id, "event": event, "number": item.number}


def follow(bus: bus_pb2_grpc.BusStub, request: bus_pb2.EventsRequest) -> None:
    """Writes what comes, and keeps in the request how far it got."""
    for item in bus.Events(request, wait_for_ready=True):
        if item.WhichOneof("kind") == "started":
            request.log = item.started.log
        print(json.dumps(line(item)), flush=True)
        request.after = item.number


def main() -> None:
    socket, *position = sys.argv[1:]
    request = bus_pb2.EventsRequest()
    if position:
        request.after, request.log = (int(word) for word in position)
    bus = bus_pb2_grpc.BusStub(grpc.insecure_channel(f"unix:{socket}", [("grpc.default_authority", "localhost")]))
    while True:
        try:
            follow(bus, request)
        except grpc.RpcError as error:
            # A host closes connections on which it has heard nothing for some time. What comes meanwhile is not lost.
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise


if __name__ == "__main__":
    main()
