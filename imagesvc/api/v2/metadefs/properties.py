"""Properties of namespaces; each request costs one call of the registry."""

from collections.abc import Mapping
from typing import Any

import pecan

from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.metadefs import documents, query, views
from imagesvc.api.v2.views import dump

_json = pecan.expose(content_type="application/json")


class PropertiesController:
    """List, create, show, change, delete one or all."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry

    @_json
    def get_all(self, request: Request, _response: Response, namespace: str) -> Response:
        return Response(dump(views.properties(self._registry.metadef_property_list(request.context, namespace))))

    @_json
    def post(self, request: Request, _response: Response, namespace: str) -> Response:
        given = documents.PROPERTY.check(payload.read_json(request.environ))
        created = self._registry.metadef_property_create(request.context, namespace, _values(given))
        return Response(dump(views.metadef_property(created)), status=201)

    @_json
    def get_one(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        resource_type = dict(query.pairs(request)).get("resource_type")
        found = self._registry.metadef_property_get(request.context, namespace, name, resource_type)
        return Response(dump(views.metadef_property(found)))

    @_json
    def put(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        given = documents.PROPERTY.check(payload.read_json(request.environ))
        changed = self._registry.metadef_property_update(request.context, namespace, name, _values(given))
        return Response(dump(views.metadef_property(changed)))

    @_json
    def delete(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        self._registry.metadef_property_delete(request.context, namespace, name)
        return Response(status=204, content_type=None)

    @_json
    def delete_all(self, request: Request, _response: Response, namespace: str) -> Response:
        self._registry.metadef_property_delete_all(request.context, namespace)
        return Response(status=204, content_type=None)


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """A property as the registry takes it; its schema keeps the name, as Glance's does."""
    return {"name": given["name"], "schema": given}
