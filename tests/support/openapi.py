"""docs/openapi.yaml, and answers held against it."""

import functools
import json
import re

import yaml

from packhouse_server import ROOT


@functools.cache
def page():
    return yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        place = page()
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        node = place
    return node


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}


def check(value, schema, where):
    """As much of JSON Schema as the page uses. Members that the page does not name are wrong too."""
    schema = resolve(schema)
    if "allOf" in schema:
        parts = [resolve(part) for part in schema["allOf"]]
        schema = {"type": "object", "required": sum((p.get("required", []) for p in parts), []),
                  "properties": {k: v for p in parts for k, v in p["properties"].items()}}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert type(value) in [TYPES[kind] for kind in kinds], f"{where}: {value!r} is no {kinds}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where}: {value!r}"
    if "pattern" in schema:
        assert re.search(schema["pattern"], value), f"{where}: {value!r}"
    if schema.get("format") == "date-time" and value is not None:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value), f"{where}: {value!r}"
    if isinstance(value, list):
        for index, item in enumerate(value):
            check(item, schema["items"], f"{where}[{index}]")
    if isinstance(value, dict) and "properties" in schema:
        missing = set(schema.get("required", [])) - set(value)
        unknown = set(value) - set(schema["properties"])
        assert not missing and not unknown, f"{where}: missing {missing}, not described {unknown}"
        for name, member in value.items():
            check(member, schema["properties"][name], f"{where}.{name}")


class Caller:
    """Asks the API, and holds each answer against the page."""

    def __init__(self, server):
        self.server = server
        self.seen = set()

    def __call__(self, method, template, body=None, expected=None, query="", token=None, **names):
        path = "/api/v1" + template.format(**names) + query
        answer = self.server.http(method, path, None if body is None else json.dumps(body).encode(),
                                  **({"token": token} if token else {}))
        if expected:
            assert answer.status == expected, answer
        responses = page()["paths"][template][method.lower()]["responses"]
        assert str(answer.status) in responses, f"{method} {template}: {answer.status} is not described"
        for media_type, content in resolve(responses[str(answer.status)]).get("content", {}).items():
            assert answer["Content-Type"] == media_type
            check(answer.json(), content["schema"], f"{method} {template}")
        self.seen.add((method, template))
        return answer.json() if answer.body else None
