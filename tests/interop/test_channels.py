"""Channels: who posts in the very second in which somebody joins is read whole.

`INTEROP_ROUNDS` sets how often (5); the run that counts has 50.
"""

import os

from story import Chat, eventually

ROUNDS = int(os.environ.get("INTEROP_ROUNDS", "5"))
POSTS = ["first post", "second post", "third post"]
PATIENCE = 40


def opens_channel(owner, name: str) -> Chat:
    return Chat(owner, owner.call("create_broadcast", name))


def reads(channel: Chat, posts: list[str]) -> None:
    """Waits until exactly these posts are there, each once. Relays may swap mails of the same second."""
    eventually(f"{channel.profile.name} reads {posts}", lambda: len(channel.texts()) >= len(posts), PATIENCE)
    assert sorted(channel.texts()) == sorted(posts)


def test_posts_in_the_second_of_joining_are_read(one, other):
    """The owner posts as soon as it knows of the subscriber."""
    owner, subscriber = one.account("Alice"), other.account("Bob")
    for round in range(ROUNDS):
        channel = opens_channel(owner, f"News {round}")
        joined = subscriber.joins(channel.invite())
        owner.event("SecurejoinInviterProgress", progress=1000, chatType="OutBroadcast")
        for post in POSTS:
            channel.send(post)
        reads(joined, POSTS)


def test_posts_before_the_owner_knows_of_the_subscriber_are_read(one, other):
    """The owner posts while the handshake is under way."""
    owner, subscriber = one.account("Alice"), other.account("Bob")
    for round in range(ROUNDS):
        channel = opens_channel(owner, f"News {round}")
        joined = subscriber.joins(channel.invite())
        for post in POSTS:
            channel.send(post)
        reads(joined, POSTS)


def test_each_new_subscriber_reads_all(one, other):
    """Several join at once while the owner goes on posting."""
    owner = one.account("Alice")
    subscribers = [other.account(name) for name in ("Bob", "Carol", "Dave")]
    channel = opens_channel(owner, "News")
    invite = channel.invite()
    joined = []
    posts = []
    for number, subscriber in enumerate(subscribers):
        joined.append(subscriber.joins(invite))
        posts.append(f"post {number}")
        channel.send(posts[-1])
    for subscriber in subscribers:
        subscriber.has_joined()
    posts.append("the last post")
    channel.send(posts[-1])
    for at_subscriber in joined:
        reads(at_subscriber, posts)


def lines(channel: Chat) -> list[str]:
    """All that the channel shows, info lines included."""
    ids = channel.call("get_message_ids", False, False)
    return [channel.profile.call("get_message", id)["text"] for id in ids]


def test_joining_stands_above_the_posts_before(one, other):
    owner, subscriber = one.account("Alice"), other.account("Bob")
    channel = opens_channel(owner, "News")
    for post in POSTS:
        channel.send(post)
    joined = subscriber.joins(channel.invite())
    subscriber.has_joined()
    reads(joined, POSTS)
    shown = lines(joined)
    assert "invited you to join this channel" in shown[1], shown
    assert shown[2] == "You joined the channel.", shown
    assert sorted(shown[3:]) == sorted(POSTS)
    channel.send("later")
    reads(joined, [*POSTS, "later"])
    assert lines(joined)[-1] == "later"
    item = subscriber.call("get_chatlist_items_by_entries", [joined.id])[str(joined.id)]
    assert item["summaryText2"] == "later"
