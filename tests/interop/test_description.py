"""The description that `--openrpc` prints, beside that of chatmail core: names, parameters, types and results."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

OURS_ALONE = {
    "Contact.isVerified": "verification is shown; chatmail core 2.65 has dropped it",
    "Contact.verifierId": "who introduced a contact; chatmail core 2.65 has dropped it",
    "Contact.nameAndAddr": "clients for older releases demand it",
    "Contact.wasSeenRecently": "clients for older releases demand it",
    "FullChat.wasSeenRecently": "clients for older releases demand it",
    "ChatListItemFetchResult.ChatListItem.wasSeenRecently": "clients for older releases demand it",
}
"""Members that Volary has and chatmail core does not, each with its reason. Nothing else may differ."""


class Description:
    """A description in a form that can be compared: references to types by name, unions flat, members sorted."""

    def __init__(self, binary: str) -> None:
        printed = subprocess.run([binary, "--openrpc"], check=True, capture_output=True, timeout=60).stdout
        self.document = json.loads(printed)
        self.types = self.document["components"]["schemas"]
        self.methods = {method["name"]: method for method in self.document["methods"]}

    def form(self, schema: dict):
        """A schema without descriptions, order and different ways to say the same."""
        if "$ref" in schema:
            return "type", schema["$ref"].removeprefix("#/components/schemas/")
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return union(self.form(variant) for variant in schema[choice])
        kind = schema.get("type")
        if isinstance(kind, list):
            return union(self.form({**schema, "type": each}) for each in kind)
        if "enum" in schema:
            return union(("text", value) for value in schema["enum"])
        if kind == "integer":
            return kind, schema["format"]
        if kind == "array":
            items = schema["items"]
            if isinstance(items, list):
                return "tuple", tuple(self.form(item) for item in items)
            return "list", self.form(items)
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return "map", self.form(schema["additionalProperties"])
        if kind == "object":
            required = schema.get("required", [])
            members = schema.get("properties", {})
            return "object", tuple(sorted((name, name in required, self.form(members[name])) for name in members))
        return kind, ""

    def method(self, name: str):
        method = self.methods[name]
        params = tuple((param["name"], param["required"], self.form(param["schema"])) for param in method["params"])
        return method["paramStructure"], params, method["result"]["name"], self.form(method["result"]["schema"])


def union(forms) -> tuple:
    flat = set()
    for form in forms:
        flat |= set(form[1]) if form[0] == "union" else {form}
    return flat.pop() if len(flat) == 1 else ("union", tuple(sorted(flat, key=repr)))


def tag(form):
    """What distinguishes a variant of a choice."""
    if form[0] == "object":
        return next((value for name, _, value in form[1] if name == "kind"), form)
    return form


def differences(path: str, theirs, ours) -> list[str]:
    """Where two forms differ, down to the member."""
    if theirs == ours:
        return []
    if theirs[0] == ours[0] == "object":
        a, b = ({name: (required, form) for name, required, form in side[1]} for side in (theirs, ours))
    elif theirs[0] == ours[0] == "union":
        a, b = ({tag(form): (True, form) for form in side[1]} for side in (theirs, ours))
    else:
        return [f"{path}: {theirs} became {ours}"]
    found = []
    for name in sorted(a.keys() | b.keys(), key=repr):
        inner = f"{path}.{name if isinstance(name, str) else name[1]}"
        if name not in b:
            found.append(f"{inner} is missing")
        elif name not in a:
            found += [] if inner in OURS_ALONE else [f"{inner} is not in chatmail core"]
        else:
            found += [] if a[name][0] == b[name][0] else [f"{inner}: optional on one side only"]
            found += differences(inner, a[name][1], b[name][1])
    return found


@pytest.fixture(scope="module")
def peers_description() -> Description:
    return Description(os.environ["PEER_RPC_SERVER"])


@pytest.fixture(scope="module")
def description() -> Description:
    return Description(os.environ["VOLARY_RPC_SERVER"])


def test_every_method_has_the_parameters_and_the_result_of_chatmail_core(peers_description, description):
    assert description.methods.keys() == peers_description.methods.keys()
    parted = {name: (peers_description.method(name), description.method(name)) for name in description.methods
              if peers_description.method(name) != description.method(name)}
    assert not parted


def test_every_type_has_the_members_of_chatmail_core(peers_description, description):
    assert description.types.keys() == peers_description.types.keys()
    found = [difference for name in sorted(description.types) for difference in differences(
        name, peers_description.form(peers_description.types[name]), description.form(description.types[name]))]
    assert not found


@pytest.mark.skipif(os.environ.get("VOLARY_RPC_SERVER") == os.environ.get("PEER_RPC_SERVER"), reason="no Volary here")
def test_what_only_volary_has_is_there(description):
    """The list of exceptions holds nothing that is gone."""
    for member in OURS_ALONE:
        name, *_, last = member.split(".")
        assert f'"{last}"' in json.dumps(description.types[name])
