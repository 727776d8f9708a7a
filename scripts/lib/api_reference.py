"""docs/API.md, made from docs/openapi.json: a heading for each call, with what it takes, what it answers and a curl line."""

import json
import re
import textwrap
from collections import Counter
from dataclasses import dataclass

COLUMNS = 118
PATTERN_MAX = 60  # a longer one is told in words
DEPTH_MAX = 3  # of members in members
METHODS = {"get", "head", "post", "put", "patch", "delete"}

PREFACE = """\
This page is made from [openapi.json](openapi.json) by `scripts/api_reference`. What clients and gateway say over the
WebSocket is in [PROTOCOL.md](PROTOCOL.md), with all that a run promises.

The examples are for a shell that has the address and [a key](operations/api-keys.md) in its environment. With the
same key `scripts/run` starts a gateway and a demo agent:

    export GATEWAY_URL=http://127.0.0.1:8000 GATEWAY_API_KEY=0123456789abcdef

`$SESSION_ID`, `$RUN_ID` and their like are those of earlier answers. Answers of `/api` have `"success": true` beside
what is listed here, and errors `false`.
"""


@dataclass(frozen=True)
class Call:
    summary: str
    method: str
    paths: tuple[str, ...]
    operation: dict
    parameters: tuple[dict, ...]

    @property
    def anchor(self):
        return "".join(c for c in self.summary.lower() if c.isalnum() or c in "_- ").replace(" ", "-")


def render(openapi: dict) -> str:
    return Reference(openapi).text()


class Reference:
    def __init__(self, openapi: dict):
        self._openapi = openapi
        self._calls = _calls(openapi, self._resolve)
        used = Counter(name for call in self._calls for name in _schemas_of(call.operation))
        schemas = openapi["components"]["schemas"]
        # What several calls take or answer is told once, and so is what many fields hold.
        self._objects = [name for name in schemas if used[name] > 1 and self._members(schemas[name]) and name != "Error"]
        self._values = [name for name in schemas if not self._members(schemas[name])]

    def text(self) -> str:
        parts = ["# The HTTP API", _wrapped(self._openapi["info"]["description"]), PREFACE, "## All calls", *self._contents()]
        for group, calls in self._groups():
            parts += [f"## {group}", self._about(calls), *(part for call in calls for part in self._call(call))]
        parts += [*self._told_once(), *self._errors()]
        return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"

    def _told_once(self):
        schemas = self._openapi["components"]["schemas"]
        yield "## Objects"
        yield "What several calls take or answer."
        for name in self._objects:
            yield f"### {name}"
            yield from self._fields(schemas[name])
        yield "## Values"
        yield "What many fields hold."
        yield _table("| name | value | what |", (
            (name, self._type(schemas[name]), schemas[name].get("description", "")) for name in self._values))

    # The calls, by who makes them.

    def _groups(self):
        """By `x-tagGroups`; a tag that is in none of them is a group of its own."""
        grouped = {tag: group["name"] for group in self._openapi["x-tagGroups"] for tag in group["tags"]}
        names = dict.fromkeys(group["name"] for group in self._openapi["x-tagGroups"])
        for call in self._calls:
            name = grouped.get(call.operation["tags"][0], call.operation["tags"][0])
            names[name] = [*(names.get(name) or ()), call]
        return [(name, calls) for name, calls in names.items() if calls]

    def _about(self, calls) -> str:
        told = {tag["name"]: tag.get("description", "") for tag in self._openapi["tags"]}
        tags = dict.fromkeys(call.operation["tags"][0] for call in calls)
        return "\n".join(_wrapped(f"- **{tag}.** {told[tag]}", "  ") for tag in tags if told.get(tag))

    def _contents(self):
        for group, calls in self._groups():
            yield f"**{group}**"
            yield _table("| call | address | who may |", (
                (f"[{call.summary}](#{call.anchor})", "`" + f"{call.method.upper()} {call.paths[0]}" + "`", self._who(call))
                for call in calls))

    def _who(self, call) -> str:
        security = call.operation.get("security", self._openapi["security"])
        scope = re.search(r"\b[Ss]cope (`[\w:]+`)", call.operation.get("description", ""))
        ways = {"apiKey": f"a key with {scope[1]}" if scope else "any key", "sessionToken": "a session", "sessionQuery": "a session"}
        names = dict.fromkeys(ways.get(name, name) for way in security for name in way)
        return " or ".join(names) if names else "anybody"

    # One call.

    def _call(self, call):
        operation = call.operation
        yield f"### {call.summary}"
        yield "\n".join(f"    {call.method.upper()} {path}" for path in call.paths)
        if operation.get("description"):
            yield _wrapped(operation["description"])
        if call.parameters:
            yield _table("| parameter | in | value | what |", (
                (f"`{one['name']}`" + (" (required)" if one.get("required") else ""), one["in"],
                 self._type(one["schema"]), one.get("description") or self._what(one["schema"])) for one in call.parameters))
        yield from self._body(operation)
        if example := self._curl(call):
            yield f"```sh\n{example}\n```"
        yield from self._answers(operation)

    def _body(self, operation):
        asked = self._resolve(operation.get("requestBody", {}))
        for kind, content in asked.get("content", {}).items():
            words = "Body" if kind == "application/json" else f"Body, `{kind}`"
            optional = "" if asked.get("required") else ", which may be absent"
            yield from self._titled(f"**{words}**{optional}.", content.get("schema", {}), is_asked=True)

    def _answers(self, operation):
        errors = []
        for status, response in operation["responses"].items():
            name, is_error = _name(response), not status.startswith(("1", "2"))
            if name and is_error:
                errors.append(f"{status} {name}")
                continue
            response = self._resolve(response)
            headers = ", ".join(f"`{name}`{self._meaning(said)}" for name, said in response.get("headers", {}).items())
            schema = next(iter(response.get("content", {}).values()), {}).get("schema", {})
            title = f"**{status}** {response['description']}{f' Headers: {headers}.' if headers else ''}"
            yield from self._titled(title, {} if is_error else schema)
        if errors:
            yield _wrapped(f"[Errors](#errors): {', '.join(errors)}.")

    def _meaning(self, header) -> str:
        told = self._resolve(header).get("description", "").rstrip(".")
        return f" ({told[0].lower()}{told[1:]})" if told else ""

    def _titled(self, title, schema, is_asked=False):
        title += "" if title.endswith(".") else "."
        if _name(schema) in self._objects:
            yield _wrapped(f"{title} The fields are those of [{_name(schema)}](#{_name(schema).lower()}).")
            return
        said, *rows = self._fields(schema, is_asked) or [""]
        yield _wrapped(f"{title} {said}".strip())
        yield from rows

    # Schemas.

    def _fields(self, schema, is_asked=False) -> list[str]:
        """What is said of it, and the table of its fields; nothing for what has none."""
        rows = list(self._rows(schema, is_asked))
        return [_wrapped(self._resolve(schema).get("description", "")), _table("| field | value | what |", rows)] if rows else []

    def _rows(self, schema, is_asked, prefix="", depth=0):
        required = self._required(schema)
        for name, member in self._members(schema).items():
            if (name, member.get("const")) == ("success", True):
                continue
            note = " (required)" if is_asked and name in required else " (may be absent)" if not is_asked and name not in required else ""
            yield f"`{prefix}{name}`{note}", self._type(member), self._what(member)
            inner = self._value(member)
            items = self._value(self._resolve(inner).get("items", {}))
            for part, path in ((inner, f"{prefix}{name}."), (items, f"{prefix}{name}[].")):
                if _name(part) not in self._objects and depth < DEPTH_MAX:
                    yield from self._rows(part, is_asked, path, depth + 1)

    def _resolve(self, schema) -> dict:
        while "$ref" in schema:
            found = self._openapi
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def _value(self, schema) -> dict:
        """Without the wrapping of what may be null, or has a description of its own."""
        for word in ("anyOf", "oneOf", "allOf"):
            inner = [one for one in schema.get(word, ()) if one != {"type": "null"}]
            if len(inner) == 1:
                return self._value(inner[0])
        return schema

    def _members(self, schema) -> dict:
        schema = self._resolve(schema)
        parts = [self._members(part) for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ()))]
        return {name: member for part in [*parts, schema.get("properties", {})] for name, member in part.items()}

    def _required(self, schema) -> set:
        schema = self._resolve(schema)
        return set(schema.get("required", ())).union(*(self._required(part) for part in schema.get("allOf", ())))

    def _what(self, described) -> str:
        inner = self._value(described)
        told_elsewhere = _name(inner) in (*self._objects, *self._values)
        return described.get("description") or ("" if told_elsewhere else self._resolve(inner).get("description", ""))

    def _type(self, schema) -> str:
        name, default = _name(schema), ""
        if name in self._objects or name in self._values:
            return f"[{name}](#{'values' if name in self._values else name.lower()})"
        if "default" in schema:
            default = f"; default {_code(schema['default'])}"
        return self._described(schema) + default

    def _described(self, schema) -> str:
        schema = self._resolve(schema)
        for word in ("anyOf", "oneOf", "allOf"):
            if schema.get(word) and "properties" not in schema:
                return " or ".join(dict.fromkeys(self._type(part) for part in schema[word]))
        if "const" in schema:
            return _code(schema["const"])
        if "enum" in schema:
            return ", ".join(map(_code, schema["enum"]))
        kinds = schema.get("type", "any JSON")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        return " or ".join(self._kind(kind, schema) for kind in kinds)

    def _kind(self, kind, schema) -> str:
        if kind == "array":
            items = schema.get("items")
            most = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
            return f"list of {self._type(items)}{most}" if items else f"list{most}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"object of {self._type(schema['additionalProperties'])}"
        least, most = (schema.get(f"{end}{'Length' if kind == 'string' else 'imum'}") for end in ("min", "max"))
        bounds = f"{'' if least is None else least}..{'' if most is None else most}" if (least, most) != (None, None) else ""
        pattern = schema.get("pattern", "") if kind == "string" else ""
        extra = [bounds, f"`{pattern}`" if 0 < len(pattern) <= PATTERN_MAX and pattern.isascii() else "", schema.get("format", "")]
        return " ".join([kind, *filter(None, extra)])

    # Examples.

    def _curl(self, call) -> str:
        """Nothing for what curl cannot do: a WebSocket."""
        if "101" in call.operation["responses"]:
            return ""
        path, query, headers = call.paths[0], [], []
        for one in call.parameters:
            value = self._example(one)
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", value)
            elif one["in"] == "query" and (one.get("required") or "example" in one):
                query.append(f"{one['name']}={value}")
            elif one["in"] == "header" and (one.get("required") or "example" in one):
                headers.append(f"-H '{one['name']}: {value}'")
        if ways := [name for way in call.operation.get("security", self._openapi["security"]) for name in way]:
            shown = "$SESSION_ID" if "sessionToken" in ways else "$SEND_TOKEN" if "sendToken" in ways else "$GATEWAY_API_KEY"
            headers.insert(0, f'-H "Authorization: Bearer {shown}"')
        is_stream = any("text/event-stream" in response.get("content", {}) for response in call.operation["responses"].values())
        body = self._body_example(call.operation)
        verb = [] if call.method == ("post" if body else "get") else ["-I" if call.method == "head" else f"-X {call.method.upper()}"]
        first = " ".join(["curl", "-sSN" if is_stream else "-sS", *verb, f'"$GATEWAY_URL{path}{"?" if query else ""}{"&".join(query)}"'])
        return " \\\n  ".join([first, *headers, *body])

    def _example(self, parameter) -> str:
        schema = self._resolve(self._value(parameter["schema"]))
        if "example" in parameter:
            return str(parameter["example"])
        name = parameter["name"].replace("session_token", "session_id")  # it is the session's id that is shown
        return schema["enum"][0] if "enum" in schema else f"${name.upper()}"

    def _body_example(self, operation) -> list[str]:
        for kind, content in self._resolve(operation.get("requestBody", {})).get("content", {}).items():
            example = content.get("example", "Once upon a time" if kind == "text/plain" else None)
            if example is not None:
                said = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
                said = "'" + said.replace("'", "'\\''") + "'"
                return [f"--json {said}"] if kind == "application/json" else [f"-H 'Content-Type: {kind}' --data-binary {said}"]
        return []

    # Errors.

    def _errors(self):
        """Of the answers that calls share: an error that is one call's own is told there."""
        shared = self._openapi["components"]["responses"]
        statuses = {name: [] for name in shared}
        for call in self._calls:
            for status, response in call.operation["responses"].items():
                if name := _name(response):
                    statuses[name] = sorted({*statuses[name], status})
        yield "## Errors"
        yield from self._fields({"$ref": "#/components/schemas/Error"})
        yield _table("| status | answer | when | fields |", (
            (", ".join(statuses[name]), name, shared[name]["description"], self._error_fields(shared[name]))
            for name in sorted(shared, key=lambda name: (statuses[name], list(shared).index(name))) if statuses[name]))

    def _error_fields(self, response) -> str:
        name = _name(next(iter(response.get("content", {}).values()), {}).get("schema", {}))
        return f"[{name}](#{name.lower()})" if name in self._objects else "as above"


def _calls(openapi, resolve) -> list[Call]:
    """What is one call at two addresses has one heading; no other two have the same one."""
    calls = {}
    for path, item in openapi["paths"].items():
        for method in (name for name in item if name in METHODS):
            operation = {name: value for name, value in item[method].items() if name != "operationId"}
            parameters = tuple(resolve(one) for one in (*item.get("parameters", ()), *operation.get("parameters", ())))
            paths = (path,)
            if same := calls.get(operation["summary"]):
                if (same.method, same.operation) != (method, operation):
                    raise ValueError(f"two calls are called {operation['summary']!r}: {same.paths[0]} and {path}")
                paths = (*same.paths, path)
            calls[operation["summary"]] = Call(operation["summary"], method, paths, operation, parameters)
    return list(calls.values())


def _code(value) -> str:
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"


def _schemas_of(value) -> set[str]:
    """The names of the schemas that a call mentions itself."""
    if isinstance(value, list):
        return set().union(*map(_schemas_of, value))
    if not isinstance(value, dict):
        return set()
    own = {_name(value)} if value.get("$ref", "").startswith("#/components/schemas/") else set()
    return own.union(*map(_schemas_of, value.values()))


def _name(value) -> str:
    """Of the component that it refers to, or none."""
    return value.get("$ref", "").rpartition("/")[2]


def _wrapped(text, indent="") -> str:
    options = {"width": COLUMNS, "subsequent_indent": indent, "break_long_words": False, "break_on_hyphens": False}
    return "\n\n".join(textwrap.fill(one, **options) for one in text.split("\n\n"))


def _table(head, rows) -> str:
    rule = "|" + " --- |" * (head.count("|") - 1)
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join([head, rule, *lines])
