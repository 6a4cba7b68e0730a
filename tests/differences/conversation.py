"""Has one case's conversation with one service."""

import contextlib
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from tests.differences import answers, cases


class Service:
    """Something that speaks the Images API and believes identity headers.

    :param url: without path.
    :param prefix: of the projects' ids, the same for services that are compared.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self._url = url.rstrip("/")
        self._prefix = prefix
        self._session = requests.Session()
        # No proxy of the environment stands between.
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def answers_to(self, case: cases.Case) -> list[answers.Answer]:
        """The answer to each step."""
        prefix = f"{self._prefix}-{zlib.crc32(case.name.encode()):08x}"
        names = cases.projects(prefix) | cases.constants(prefix)
        with self._images(case, prefix, names):
            return [self._step(step, prefix, names) for step in case.steps]

    def _step(self, step: Mapping[str, Any], prefix: str, names: dict[str, str]) -> answers.Answer:
        body, media_type = cases.body_of(step, names)
        method, path = cases.filled(step["do"], names).split(" ", 1)
        response = self._ask(step.get("as", "member"), prefix, method, path, body, media_type, step.get("headers", {}))
        for name, key in step.get("save", {}).items():
            names[name] = str(response.json().get(key)) if response.ok else "nothing"
        return answers.comparable(response, names, self._url)

    def _ask(
        self,
        who: str,
        prefix: str,
        method: str,
        path: str,
        body: bytes | None = None,
        media_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        sent: dict[str, Any] = {"Accept": "*/*", **cases.identity(who, prefix)}
        sent |= {"Content-Type": media_type} if media_type else {}
        sent |= {name: None if value is None else str(value) for name, value in (headers or {}).items()}
        request = requests.Request(method, self._url, headers=sent, data=body)
        prepared = self._session.prepare_request(request)
        prepared.url = self._url + path  # as it is written: requests would tidy it up
        return self._session.send(prepared, timeout=60, allow_redirects=False)

    @contextlib.contextmanager
    def _images(self, case: cases.Case, prefix: str, names: dict[str, str]) -> Iterator[None]:
        """The case's images exist inside the block; afterwards nothing of the case is left."""
        try:
            for name, fields in case.images.items():
                names[name] = self._create(case, prefix, cases.filled(dict(fields), names))
            yield
        finally:
            self._clean(prefix, case)

    def _create(self, case: cases.Case, prefix: str, fields: dict[str, Any]) -> str:
        who, upload, members = fields.pop("as", "member"), fields.pop("upload", None), fields.pop("members", {})
        response = self._ask(who, prefix, "POST", "/v2/images", *_json(_with_formats(fields, upload)))
        assert response.status_code == 201, f"{case.name}: {response.status_code} {response.text}"
        image = f"/v2/images/{response.json()['id']}"
        if upload is not None:
            response = self._ask(who, prefix, "PUT", f"{image}/file", upload.encode(), "application/octet-stream")
            assert response.status_code == 204, f"{case.name}: {response.status_code} {response.text}"
        for member, status in members.items():
            added = self._ask(
                who, prefix, "POST", f"{image}/members", *_json({"member": cases.projects(prefix)[member]})
            )
            assert added.status_code == 200, f"{case.name}: {added.status_code} {added.text}"
            if status != "pending":
                path = f"{image}/members/{cases.projects(prefix)[member]}"
                assert self._ask(member, prefix, "PUT", path, *_json({"status": status})).status_code == 200, case.name
        return image.rpartition("/")[2]

    def _clean(self, prefix: str, case: cases.Case) -> None:
        for hidden in ("false", "true"):
            query = f"/v2/images?visibility=all&limit=1000&os_hidden={hidden}"
            for image in self._ask("admin", prefix, "GET", query).json()["images"]:
                if (image["owner"] or "").startswith(prefix) or image.get("differences") == case.name:
                    self._remove(prefix, image)

    def _remove(self, prefix: str, image: Mapping[str, Any]) -> None:
        path = f"/v2/images/{image['id']}"
        if image["protected"]:
            body, _ = _json([{"op": "replace", "path": "/protected", "value": False}])
            self._ask("admin", prefix, "PATCH", path, body, cases.PATCH_TYPE)
        self._ask("admin", prefix, "DELETE", path)


def _json(document: Any) -> tuple[bytes | None, str | None]:
    return cases.body_of({"do": "POST", "json": document}, {})


def _with_formats(fields: dict[str, Any], upload: str | None) -> dict[str, Any]:
    return fields if upload is None else {"disk_format": "raw", "container_format": "bare", **fields}
