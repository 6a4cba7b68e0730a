"""Requests to every operation of the OpenAPI document, most of them nearly right."""

import dataclasses
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.generated.values import Values, anything, odd_texts, texts

Operation = Mapping[str, Any]
Pairs = list[tuple[str, str]]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_MEDIA_TYPES = ("", "text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", "multipart/form-data", "x", "é/é",
                "application/octet-stream", "application/openstack-images-v2.2-json-patch")  # fmt: skip
_ACCEPTS = (
    None,
    "*/*",
    "application/json",
    "text/html",
    "text/plain",
    "image/png",
    "application/json;q=x",
    ",,;;",
    "*",
    "é",
)
_HEADERS = ("X-Openstack-Request-ID", "X-Odd", "If-None-Match", "Content-Range", "Content-Encoding", "X-Forwarded-Host", "Forwarded", "Cookie",
            "X-Image-Meta-Status", "X-Image-Meta-Size", "Content-MD5", "X-Openstack-Append", "Origin", "Accept-Language")  # fmt: skip
_MORE_PATHS = (
    "/",
    "/v2",
    "/v2/",
    "/v3/images",
    "/v2/images/",
    "/v2//images",
    "/v2/nothing",
    "/versions/x",
    "/healthcheck",
    "/v1/images",
    "/v2.0/images",
)
#: JSON, and queries, that are refused as a whole.
_UNSTORABLE = re.compile(rb"\\u(?:0000|d[89a-f])")
_UNDECODABLE = re.compile(r"%ED%[AB]|%00")
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Ask:
    """One request.

    :ivar operation: what the document says of it; None where the method or the path is made up.
    :ivar target: path and query as they are sent.
    :ivar body: None where the request has none.
    :ivar wrong: names of what the document does not allow; the request must be refused.
    :ivar is_odd: something else may be wrong with it, too.
    """

    operation: Operation | None = dataclasses.field(repr=False)
    method: str
    target: str
    headers: Pairs
    body: bytes | None = None
    is_chunked: bool = False
    wrong: frozenset[str] = frozenset()
    is_odd: bool = False

    def __str__(self) -> str:
        body = "" if self.body is None else f" {self.body[:300]!r}"
        return f"{self.method} {self.target[:300]} {[(name, value[:80]) for name, value in self.headers]}{body}"


@dataclasses.dataclass
class Asks:
    """Makes requests.

    :param document: the OpenAPI document.
    :param places: what segments of paths can be, by their names.
    :param identities: headers that say who asks.
    """

    document: Mapping[str, Any]
    places: Mapping[str, list[str]]
    identities: list[dict[str, str]]

    def __post_init__(self) -> None:
        self._values = Values(self.document)
        self._operations = [
            (method.upper(), path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        ]

    def any(self) -> st.SearchStrategy[Ask]:
        """Six of seven are to an operation of the document."""
        return st.one_of(*[self._known()] * 6, self._unknown())

    # -- what the document knows -----------------------------------------------------------------

    def _known(self) -> st.SearchStrategy[Ask]:
        @st.composite
        def make(draw: st.DrawFn) -> Ask:
            method, path, operation = draw(st.sampled_from(self._operations))
            wrong: set[str] = set()
            is_odd = draw(st.booleans())
            query, headers = self._parameters(draw, operation, wrong, is_odd=is_odd)
            body, media_type = self._body(draw, operation, wrong, is_odd=is_odd)
            if media_type is not None:
                headers.append(("Content-Type", media_type))
            target, around = self._target(draw, path, query, is_odd=is_odd), self._around(draw, is_odd=is_odd)
            is_chunked = draw(st.integers(0, 9)) == 0
            is_odd = is_odd or bool(_UNSTORABLE.search(body or b"") or _UNDECODABLE.search(target))
            return Ask(operation, method, target, [*around, *headers], body, is_chunked, frozenset(wrong), is_odd)

        return make()

    def _target(self, draw: st.DrawFn, path: str, query: Pairs, *, is_odd: bool) -> str:
        def segment(found: re.Match[str]) -> str:
            known = self.places.get(found[1], ["unknown"])
            # With a slash it is another path.
            made_up = texts.filter(lambda text: text not in {"", ".", ".."} and "/" not in text)
            value = draw(st.one_of(*[st.sampled_from(known)] * 5, made_up) if is_odd else st.sampled_from(known))
            return urllib.parse.quote(value.encode("utf-8", "surrogatepass"), safe=draw(st.sampled_from(["", ":"])))[
                :8000
            ]

        filled = re.sub(r"\{(\w+)\}", segment, path)
        encoded = urllib.parse.urlencode([(_sent(name), _sent(value)) for name, value in query])
        return f"{filled}?{encoded}"[:15_000] if query else filled

    def _parameters(
        self, draw: st.DrawFn, operation: Operation, wrong: set[str], *, is_odd: bool
    ) -> tuple[Pairs, Pairs]:
        query: Pairs = []
        headers: Pairs = []
        known = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] != "path"]
        once = (
            st.lists(st.sampled_from(known), max_size=3, unique_by=lambda parameter: parameter["name"])
            if known
            else st.just([])
        )
        for parameter in draw(once):
            schema, name = parameter["schema"], parameter["name"]
            fits = self._values.fitting(schema.get("items", schema))
            value = draw(st.one_of(*[fits.map(str)] * 4, texts))
            if parameter["in"] == "query":
                query.append((name, value))
                wrong.update([name] if not _allowed(schema.get("items", schema), value) else [])
            else:
                headers.append((name, _header(value)))
        if is_odd and draw(st.integers(0, 5)) == 0:
            query.append((draw(texts), draw(texts)))
        return query, headers

    def _body(
        self, draw: st.DrawFn, operation: Operation, wrong: set[str], *, is_odd: bool
    ) -> tuple[bytes | None, str | None]:
        contents = operation.get("requestBody", {}).get("content", {})
        kind = draw(st.integers(0, 19))
        if not contents:
            return (b"{}", "application/json") if kind == 0 and is_odd else (None, None)
        media_type = draw(st.sampled_from(sorted(contents)))
        if media_type == "application/octet-stream":
            return draw(st.binary(max_size=200)), draw(st.sampled_from([media_type] * 9 + ["text/plain"] * is_odd))
        schema = contents[media_type]["schema"]
        if kind == 0 and is_odd:
            return draw(st.binary(max_size=30)), media_type
        value = draw(
            st.one_of(self._values.fitting(schema), self._values.spoilt(schema), *([anything] if kind == 1 else []))
        )
        wrong.update(judged := _violations(self.document, schema, value))
        if kind == 2 and is_odd and not judged:
            return _encoded(value), draw(st.sampled_from(_MEDIA_TYPES))
        return _encoded(value), media_type

    def _around(self, draw: st.DrawFn, *, is_odd: bool) -> Pairs:
        """Headers that have nothing to do with the operation."""
        accept = draw(st.sampled_from(_ACCEPTS))
        headers = list(draw(st.sampled_from(self.identities)).items())
        headers += [] if accept is None else [("Accept", accept)]
        for _ in range(draw(st.integers(0, 2)) if is_odd else 0):
            headers.append(
                (
                    draw(st.sampled_from(_HEADERS)),
                    _header(draw(st.one_of(texts, st.sampled_from(["0", "bytes 0-1/*"])))),
                )
            )
        return headers

    # -- what it does not know -------------------------------------------------------------------

    def _unknown(self) -> st.SearchStrategy[Ask]:
        @st.composite
        def make(draw: st.DrawFn) -> Ask:
            paths = [path for _, path, _ in self._operations]
            method = draw(st.sampled_from(_METHODS))
            path = self._target(draw, draw(st.sampled_from([*paths, *_MORE_PATHS])), [], is_odd=True)
            if draw(st.booleans()):
                # After a random end of it nothing is known any more, and the method may well be right.
                path += draw(
                    st.sampled_from(
                        ["/", "/x", "//", "%00", "%ff", "%2f", "?%ff=%ff", "?=&&=", ";a", "?" + "a&" * 1001]
                    )
                )
            body = draw(st.one_of(st.none(), st.none(), st.binary(max_size=10)))
            return Ask(None, method, path, self._around(draw, is_odd=True), body, is_odd=True)

        return make()


def _allowed(schema: Mapping[str, Any], value: str) -> bool:
    """Whether a query's value is what the schema says, where that is certain; sort's keys and filters are left to the service."""
    if "enum" in schema:
        return value in schema["enum"] or value.lower() in {"true", "false"}
    if schema.get("type") == "integer" and "minimum" in schema:
        return _NUMBER.fullmatch(value) is not None
    return True


def _violations(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> set[str]:
    from tests.generated.judge import validator

    errors = validator(document, schema).iter_errors(value)
    return {str(error.absolute_path[0]) if error.absolute_path else "" for error in errors}


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def _sent(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _header(text: str) -> str:
    """Text that can be in a header: where lines must not break, they do not; that they do not is the server's own test."""
    return re.sub(r"[\x00-\x08\x0a-\x1f\x7f]", "?", text.encode("utf-8", "replace").decode("latin-1"))[:12_000].strip()


mangled_parts = st.one_of(
    st.binary(min_size=1, max_size=6), odd_texts.map(lambda text: text.encode("utf-8", "surrogatepass")[:300])
)
