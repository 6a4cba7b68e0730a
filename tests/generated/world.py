"""Things in a service that requests can be about, made anew when they are gone."""

from typing import Any

import requests

PROJECT = "11111111111111111111111111111111"
OTHER = "22222222222222222222222222222222"
NAMESPACE = "Generated"
NAME = "thing"
TYPE = "OS::Generated::Type"


def identity(project: str, roles: str) -> dict[str, str]:
    """Headers that say who asks, as flavor trusted-auth believes them."""
    return {
        "X-Identity-Status": "Confirmed",
        "X-Auth-Token": "none",
        "X-User-Id": f"user-{project[:4]}",
        "X-Project-Id": project,
        "X-Tenant-Id": project,
        "X-Roles": roles,
    }


ADMIN = identity(PROJECT, "admin,member,reader")
IDENTITIES = [
    ADMIN,
    ADMIN,
    ADMIN,
    identity(PROJECT, "member,reader"),
    identity(PROJECT, "member,reader"),
    identity(PROJECT, "reader"),
    identity(OTHER, "member,reader"),
    {},
]


class World:
    """:param url: of a service with flavor trusted-auth."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers.update(ADMIN)
        self.places: dict[str, list[str]] = {
            "image_id": [f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in range(4)],
            "member_id": [OTHER, "33333333"],
            "tag": ["known"],
            "namespace": [NAMESPACE],
            "name": [NAME, TYPE, "namespace", "properties"],
        }

    def close(self) -> None:
        self._session.close()

    def renew(self) -> None:
        """Make what is not there."""
        self._images()
        self._namespace()
        self._tasks()

    def changed(self, target: str) -> None:
        """Make anew what a request to ``target`` may have taken away."""
        if "/metadefs/" in target:
            self._namespace()
        else:
            self._images()

    def _images(self) -> None:
        """Images that are shared: a queued one, and active ones."""
        taken = self.places["image_id"]
        for number, image_id in enumerate(taken):
            shown = self._ask("GET", f"/v2/images/{image_id}")
            if shown.status_code != 200 or not self._is_of_use(number, shown.json()):
                taken[number] = self._image(number)

    @staticmethod
    def _is_of_use(number: int, image: dict[str, Any]) -> bool:
        return image["visibility"] == "shared" and (number > 0 or image["status"] == "queued")

    def _image(self, number: int) -> str:
        formats = {"disk_format": "raw", "container_format": "bare"}
        fields = {"name": "known", "tags": ["known"], "visibility": "shared", "colour": "red", **formats}
        response = self._ask("POST", "/v2/images", json=fields)
        assert response.status_code == 201, response.text
        path = response.json()["self"]
        if number:
            self._ask("PUT", f"{path}/file", data=b"data", headers={"Content-Type": "application/octet-stream"})
        self._ask("POST", f"{path}/members", json={"member": OTHER})
        image_id: str = response.json()["id"]
        return image_id

    def _tasks(self) -> None:
        """Those stay."""
        source = {"import_from": "http://127.0.0.1:9/", "import_from_format": "raw", "image_properties": {}}
        response = self._ask("POST", "/v2/tasks", json={"type": "import", "input": source})
        assert response.status_code == 201, response.text
        self.places["task_id"] = [response.json()["id"]]

    def _namespace(self) -> None:
        schema = {"title": "Thing", "type": "string"}
        content = {
            "properties": {NAME: schema},
            "objects": [{"name": NAME, "properties": {NAME: schema}}],
            "tags": [{"name": NAME}],
            "resource_type_associations": [{"name": TYPE}],
        }
        self._ask("PUT", f"/v2/metadefs/namespaces/{NAMESPACE}", json={"namespace": NAMESPACE, "protected": False})
        self._ask("DELETE", f"/v2/metadefs/namespaces/{NAMESPACE}")
        fields = {"namespace": NAMESPACE, "visibility": "public", **content}
        response = self._ask("POST", "/v2/metadefs/namespaces", json=fields)
        assert response.status_code == 201, response.text

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._session.request(method, self._url + path, timeout=60, **more)
