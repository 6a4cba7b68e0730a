"""Namespaces; each request costs one call of the registry."""

from collections.abc import Mapping
from typing import Any

import pecan

from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.metadefs import documents, query, views
from imagesvc.api.v2.views import dump

_json = pecan.expose(content_type="application/json")

_FIELDS = ("namespace", "display_name", "description", "visibility", "protected", "owner")


class NamespacesController:
    """List, create, show, change, delete."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry
        self._default_limit = runtime.conf.limit_param_default
        self._max_limit = runtime.conf.api_limit_max

    @_json
    def get_all(self, request: Request, _response: Response) -> Response:
        given = query.pairs(request)
        wanted = query.namespaces(given, self._default_limit, self._max_limit)
        page = self._registry.metadef_namespace_list(request.context, wanted)
        return Response(dump(views.namespaces(page, given)))

    @_json
    def post(self, request: Request, _response: Response) -> Response:
        given = documents.NAMESPACE.check(payload.read_json(request.environ))
        created = self._registry.metadef_namespace_create(request.context, _values(given))
        body = dump(views.new_namespace(created, given))
        return Response(body, status=201, location=views.url(created["namespace"]))

    @_json
    def get_one(self, request: Request, _response: Response, namespace: str) -> Response:
        resource_type = dict(query.pairs(request)).get("resource_type")
        found = self._registry.metadef_namespace_get(request.context, namespace)
        return Response(dump(views.namespace(found, _prefix(found, resource_type))))

    @_json
    def put(self, request: Request, _response: Response, namespace: str) -> Response:
        given = documents.NAMESPACE.check(payload.read_json(request.environ))
        fields = {name: given[name] for name in _FIELDS if name in given}
        changed = self._registry.metadef_namespace_update(request.context, namespace, fields)
        return Response(dump(views.namespace(changed)))

    @_json
    def delete(self, request: Request, _response: Response, namespace: str) -> Response:
        self._registry.metadef_namespace_delete(request.context, namespace)
        return Response(status=204, content_type=None)


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    """A namespace as the registry takes it."""
    properties = given.get("properties", {})
    listed = [{"name": name, "schema": schema} for name, schema in properties.items()]
    return {**given, "properties": listed}


def _prefix(found: Mapping[str, Any], resource_type: str | None) -> str:
    """What the names of properties begin with on such a resource."""
    ties = found["resource_type_associations"]
    return next((tie["prefix"] or "" for tie in ties if tie["name"] == resource_type), "")
