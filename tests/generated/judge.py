"""What is wrong with an answer: by HTTP, by the OpenAPI document, and by what no answer may have in it."""

import functools
import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import referencing
from referencing.jsonschema import DRAFT202012

from tests.generated.asks import Ask
from tests.generated.wire import Answer

#: Traces of Python in texts for people.
_PYTHON = re.compile(
    r"Traceback|\bFile \\?\"|<class '| object at 0x|\bNone\b|\bNoneType\b|\bTrue\b|\bFalse\b|\b\w+(?:Error|Exception)\b|sqlalchemy|\bdict\b"
)
#: Refusals that may meet any request, whatever the document says of its operation.
_ANYWHERE = {400, 401, 403, 413, 414, 431}
_UNKNOWN = {200, 300, 404, 405} | _ANYWHERE


@functools.cache
def _registry(key: int) -> referencing.Registry[Any]:
    return referencing.Registry().with_resource("urn:api", DRAFT202012.create_resource(_DOCUMENTS[key]))


_DOCUMENTS: dict[int, Mapping[str, Any]] = {}
_VALIDATORS: dict[tuple[int, str], Any] = {}


def validator(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """For a schema of the document, given as a reference."""
    key = (id(document), schema["$ref"])
    if key not in _VALIDATORS:
        _DOCUMENTS[id(document)] = document
        absolute = {"$ref": f"urn:api{schema['$ref']}"}
        _VALIDATORS[key] = jsonschema.Draft202012Validator(absolute, registry=_registry(id(document)))
    return _VALIDATORS[key]


def faults(document: Mapping[str, Any], ask: Ask, answer: Answer) -> list[str]:
    """All that is wrong with an answer, in words."""
    return [*_status(ask, answer), *_headers(ask, answer), *_refusal(ask, answer), *_content(document, ask, answer)]


def _status(ask: Ask, answer: Answer) -> Iterator[str]:
    if answer.status >= 500:
        yield f"status {answer.status}"
    known = {int(status) for status in ask.operation["responses"]} | _ANYWHERE if ask.operation else _UNKNOWN
    if ask.operation and answer.status not in known:
        yield f"status {answer.status}, which the document does not say"
    if ask.wrong and answer.status < 400:
        yield f"status {answer.status} though {sorted(ask.wrong)} is wrong"


def _headers(ask: Ask, answer: Answer) -> Iterator[str]:
    if "x-injected" in answer.headers:
        yield "a header that the client made"
    if answer.status == 405 and not answer.headers.get("allow"):
        yield "405 without Allow"
    if answer.status == 415 and ask.method == "PATCH" and "accept-patch" not in answer.headers:
        yield "415 without Accept-Patch"
    if "x-openstack-request-id" not in answer.headers:
        yield "no request id"


def _refusal(ask: Ask, answer: Answer) -> Iterator[str]:
    if answer.status < 400 or ask.method == "HEAD":
        return
    text = answer.body.decode("utf-8", "strict")
    if _PYTHON.search(text) and not _PYTHON.search(_said(ask)):
        yield "traces of Python"
    if len(_message(text)) < 10:
        yield "no message"
    # A patch's errors are named by the field they are about, not by the operation's number.
    names = [name for name in ask.wrong if name.isidentifier()]
    # Filters may be wrong, too, in ways the document does not tell.
    given = [name for name, _ in urllib.parse.parse_qsl(ask.target.partition("?")[2], keep_blank_values=True)]
    if answer.status == 400 and not ask.is_odd and names and not any(name in text for name in [*names, *given]):
        yield f"a message that names none of {names}"


def _said(ask: Ask) -> str:
    """What a message may repeat."""
    return urllib.parse.unquote_plus(ask.target) + (ask.body or b"").decode("utf-8", "replace")


def _message(text: str) -> str:
    """The part that is not the status' own title."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return re.sub(r"(?s)<title>.*?</title>|<h1>.*?</h1>|<[^>]*>|^\d{3} [^\n]*\n", "", text).strip()


def _content(document: Mapping[str, Any], ask: Ask, answer: Answer) -> Iterator[str]:
    if not ask.operation or answer.status == 204 or answer.status >= 500 or "content-type" not in answer.headers:
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    if answer.status >= 400 and media_type != "application/json":
        return
    given = ask.operation["responses"].get(str(answer.status), {"$ref": "#/components/responses/error_400"})
    described = document["components"]["responses"][given["$ref"].rpartition("/")[2]] if "$ref" in given else given
    content = described.get("content", {}).get(media_type)
    if content is None and not (answer.body or "content" in described):
        return  # a type and no body, for clients that would try to read JSON
    if content is None:
        yield f"a body of type {media_type}"
    elif media_type == "application/json":
        for error in validator(document, content["schema"]).iter_errors(json.loads(answer.body)):
            if error.instance != "":  # so shows a property that was set to null
                yield f"a body that is not as described: {error.json_path}: {error.message[:200]}"
