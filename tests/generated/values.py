"""JSON values as a schema allows them, and others."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]

#: What has broken services before.  What stands in a header or log line of its own would be an injection.
INJECTED = "X-Injected: yes"
ODD_TEXTS = (
    "", " ", "\0", "a\0b", f"a\r\n{INJECTED}\r\n\r\n", f"a\n{INJECTED}", "\ud800", "a\udfffb", "\U0001f4a5", "é", "e\u0301", "\u202e", "\ufeff",
    "a" * 256, "x" * 70_000, "../../etc/passwd", "%00", "%2e%2e%2f", "%", "'", '"', "\\", "<script>", "{0}%s%(a)s", "a/b", "//", "/", "?", "#", ",",
    "in:", "in:a,b", 'in:"a', "eq:", "gt:x", "None", "null", "true", "-1", "1e400", "NaN", "²", "٣", "os_glance_x", "locations",
)  # fmt: skip
ODD_NUMBERS = (-1, 0, 2**31 - 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, 5.0, 1e308, -0.0)

odd_texts = st.sampled_from(ODD_TEXTS)
texts = st.one_of(st.text(max_size=12), odd_texts)
numbers = st.one_of(st.integers(), st.sampled_from(ODD_NUMBERS), st.floats(allow_nan=False, allow_infinity=False))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


class Values:
    """:param document: the OpenAPI document, in which references are looked up."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            place: Any = self._document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                place = place[step]
            schema = place
        return schema

    def fitting(self, schema: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
        """Values that the schema allows, for the most part: what is left unsaid here is only made sure of by the judge."""
        schema = self.resolved(schema)
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "allOf" in schema:
            return self.fitting(
                {word: value for part in schema["allOf"] for word, value in self.resolved(part).items()}
            )
        types = schema.get("type", "any")
        return st.one_of(
            [self._of_type(name, schema, depth) for name in ([types] if isinstance(types, str) else types)]
        )

    def _of_type(self, name: str, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
        if name == "object":
            return self._object(schema, depth)
        if name == "array":
            most = 0 if depth > 3 else 3
            return st.lists(self.fitting(schema.get("items", {}), depth + 1), max_size=most)
        if name == "string":
            return self._string(schema)
        if name in {"integer", "number"}:
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        return {"boolean": st.booleans(), "null": st.none()}.get(name, anything)

    @staticmethod
    def _string(schema: Schema) -> st.SearchStrategy[str]:
        if "examples" in schema:
            return st.sampled_from(schema["examples"])
        if "pattern" in schema:
            return st.from_regex(schema["pattern"]).filter(lambda text: len(text) <= schema.get("maxLength", 80))
        least, most = schema.get("minLength", 0), min(schema.get("maxLength", 12), 40)
        return st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=least, max_size=max(least, most))

    def _object(self, schema: Schema, depth: int) -> st.SearchStrategy[dict[str, Any]]:
        fields = {name: value for name, value in schema.get("properties", {}).items() if not value.get("readOnly")}
        required = {
            name: self.fitting(fields[name], depth + 1) for name in schema.get("required", ()) if name in fields
        }
        optional = (
            {} if depth > 3 else {name: self.fitting(fields[name], depth + 1) for name in fields.keys() - required}
        )
        companions = schema.get("dependencies", {})
        made = st.fixed_dictionaries(required, optional=dict(sorted(optional.items()))).map(
            lambda value: {name: part for name, part in value.items() if value.keys() >= set(companions.get(name, ()))}
        )
        others = schema.get("additionalProperties")
        if not isinstance(others, Mapping) or depth > 3:
            return made
        return st.builds(
            lambda some, more: more | some, made, st.dictionaries(texts, self.fitting(others, depth + 1), max_size=2)
        )

    def spoilt(self, schema: Schema) -> st.SearchStrategy[Any]:
        """A fitting value with something else in one place."""

        @st.composite
        def make(draw: st.DrawFn) -> Any:
            value = draw(self.fitting(schema))
            place, key = value, None
            for _ in range(draw(st.integers(1, 3))):
                inside = place if key is None else place[key]
                keys = (
                    list(inside)
                    if isinstance(inside, dict)
                    else list(range(len(inside)))
                    if isinstance(inside, list)
                    else []
                )
                if not keys:
                    break
                place, key = inside, draw(st.sampled_from(keys))
            junk = draw(anything)
            if key is None:
                return junk
            place[key] = junk
            return value

        return make()
