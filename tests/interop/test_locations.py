"""Locations: streamed, alone and with messages; places that messages point at; in both directions."""

import json
import time

from story import SELF, eventually
from test_webxdc import app


def acquainted(one, other):
    alice, bob = one.account("Alice"), other.account("Bob")
    return alice, bob, alice.chat_with(bob), bob.chat_with(alice)


def is_at(profile, latitude, longitude):
    return profile.server.rpc.set_location(latitude, longitude, 5.5)


def places(profile, chat=None, contact=None, begin=0, end=0):
    return profile.call("get_locations", chat, contact, begin, end)


def track(profile):
    """Where others were, oldest first."""
    steps = [place for place in places(profile) if not place["isIndependent"] and place["contactId"] != SELF]
    return [(place["latitude"], place["longitude"]) for place in reversed(steps)]


def infos(chat):
    ids = chat.call("get_message_ids", False, False)
    found = chat.profile.call("get_messages", ids)
    return [found[str(id)] for id in ids if found[str(id)]["isInfo"]]


def says_that(chat, text):
    return eventually(f"{chat.profile.name} sees {text!r}",
                      lambda: next((line for line in infos(chat) if line["text"] == text), None))


def next_second():
    """Positions of one second count as one."""
    now = int(time.time())
    eventually("the next second", lambda: int(time.time()) > now)


def test_location_is_streamed_and_ended(one, other):
    alice, bob, chat, theirs = acquainted(one, other)
    assert not is_at(alice, 1.0, 2.0)
    assert not alice.call("is_sending_locations")
    chat.call("send_locations_to_chat", 3600)
    assert alice.call("is_sending_locations_to_chat", chat.id)
    assert chat.profile.call("get_chatlist_items_by_entries", [chat.id])[str(chat.id)]["isSendingLocation"]
    assert says_that(chat, "Location streaming enabled.")["systemMessageType"] == "LocationStreamingEnabled"
    line = says_that(theirs, "Location streaming enabled by Alice.")
    assert line["systemMessageType"] == "LocationStreamingEnabled"

    # The first position goes alone and leaves no message.
    assert is_at(alice, 52.123456, -13.25)
    bob.event("LocationChanged", contactId=bob.knows(alice))
    eventually("the first position is there", lambda: track(bob) == [(52.123456, -13.25)])
    [place] = places(bob)
    assert (place["accuracy"], place["msgId"], place["marker"]) == (5.5, 0, None)
    assert (place["chatId"], place["contactId"]) == (theirs.id, bob.knows(alice))
    assert theirs.texts() == []

    # Others go with the next message.
    next_second()
    is_at(alice, 52.2, 13.3)
    next_second()
    is_at(alice, 52.3, 13.4)
    chat.send("on my way")
    bob.receives("on my way")
    assert track(bob) == [(52.123456, -13.25), (52.2, 13.3), (52.3, 13.4)]
    assert theirs.texts() == ["on my way"]

    # After the end nobody learns where she is.
    chat.call("send_locations_to_chat", 0)
    assert not alice.call("is_sending_locations")
    assert says_that(chat, "Location streaming disabled.")["systemMessageType"] == "Unknown"
    next_second()
    assert not is_at(alice, 52.4, 13.5)
    chat.send("arrived")
    bob.receives("arrived")
    assert len(track(bob)) == 3
    assert len(infos(theirs)) == len(infos(chat)) - 1, "the end is a matter of the own device"


def test_stream_ends_by_itself(one, other):
    alice, bob, chat, theirs = acquainted(one, other)
    chat.call("send_locations_to_chat", 3)
    says_that(theirs, "Location streaming enabled by Alice.")
    says_that(chat, "Location streaming disabled.")
    assert not alice.call("is_sending_locations")
    assert not is_at(alice, 52.4, 13.5)


def test_all_streams_are_stopped(one, other):
    alice, bob, chat, _ = acquainted(one, other)
    group = alice.creates_group("Trip", bob)
    group.send("off we go")
    for where in (chat, group):
        where.call("send_locations_to_chat", 3600)
    assert is_at(alice, 52.1, 13.2)
    theirs = bob.group("Trip")
    says_that(theirs, "Location streaming enabled by Alice.")
    eventually("the position is there", lambda: track(bob))
    one.rpc.stop_sending_locations()
    assert not alice.call("is_sending_locations")
    for where in (chat, group):
        says_that(where, "Location streaming disabled.")


def test_place_of_a_message(one, other):
    alice, bob, chat, theirs = acquainted(one, other)
    sent = chat.call("send_msg", {"text": "🏠", "location": [48.1, 11.5]})
    assert alice.call("get_message", sent)["hasLocation"]
    house = bob.receives("🏠")
    assert house.snapshot()["hasLocation"]
    [place] = eventually("the place is there", lambda: places(bob))
    assert (place["latitude"], place["longitude"], place["marker"]) == (48.1, 11.5, "🏠")
    assert place["isIndependent"] and place["msgId"] == house.id
    assert places(bob, begin=1, end=2) == [place], "whatever the time"
    assert places(bob, theirs.id, bob.knows(alice)) == [place]
    assert places(bob, None, SELF) == []
    [own] = places(alice)
    assert (own["contactId"], own["msgId"]) == (SELF, sent)

    # Forwarded, it is a text; deleted for everybody, its place is gone.
    alice.call("forward_messages", [sent], chat.id)
    eventually("the copy is there", lambda: len(theirs.texts()) == 2)
    assert len(places(bob)) == 1
    alice.call("delete_messages_for_all", [sent])
    eventually("the place is gone", lambda: places(bob) == [])
    assert places(alice) == []


def test_map_shows_positions_and_sends_places(one, other, tmp_path):
    alice, bob, chat, theirs = acquainted(one, other)
    alice.call("set_webxdc_integration", str(app(tmp_path, "map.xdc")))
    map_of = alice.call("init_webxdc_integration", chat.id)

    def shown(after=0):
        return json.loads(alice.call("get_webxdc_status_updates", map_of, after))

    theirs.call("send_locations_to_chat", 3600)
    is_at(bob, 52.1, 13.2)
    alice.event("WebxdcStatusUpdate", msgId=map_of)
    [step] = eventually("the map shows where Bob is", shown)
    contact = alice.contact(alice.knows(bob))
    expected = {"action": "pos", "lat": 52.1, "lng": 13.2, "label": "", "name": "Bob", "color": contact["color"],
                "contactId": contact["id"], "independent": False, "timestamp": step["payload"]["timestamp"]}
    assert step == {"payload": expected, "serial": step["serial"], "max_serial": step["serial"]}

    place = {"action": "pos", "lat": 48.1, "lng": 11.5, "label": "Cake"}
    alice.call("send_webxdc_status_update", map_of, json.dumps({"payload": place}), None)
    cake = bob.receives("Cake")
    # chatmail core stores the place after the message.
    eventually("it has a place", lambda: cake.snapshot()["hasLocation"])
    [pointed] = shown(step["serial"])
    assert pointed["payload"]["label"] == "Cake" and pointed["payload"]["independent"]
    assert [place["msgId"] for place in places(bob) if place["isIndependent"]] == [cake.id]
