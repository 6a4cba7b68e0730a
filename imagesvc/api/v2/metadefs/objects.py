"""Objects of namespaces; each request costs one call of the registry."""

import pecan

from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.metadefs import documents, query, views
from imagesvc.api.v2.views import dump

_json = pecan.expose(content_type="application/json")


class ObjectsController:
    """List, create, show, change, delete one or all."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry
        self._max_limit = runtime.conf.api_limit_max

    @_json
    def get_all(self, request: Request, _response: Response, namespace: str) -> Response:
        given = query.pairs(request)
        wanted = query.items(given, self._max_limit, "name", "asc")
        page = self._registry.metadef_object_list(request.context, namespace, wanted)
        return Response(dump(views.objects(page, namespace, given)))

    @_json
    def post(self, request: Request, _response: Response, namespace: str) -> Response:
        given = documents.OBJECT.check(payload.read_json(request.environ))
        created = self._registry.metadef_object_create(request.context, namespace, given)
        return Response(dump(views.changed_object(created, namespace)), status=201)

    @_json
    def get_one(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        found = self._registry.metadef_object_get(request.context, namespace, name)
        return Response(dump(views.metadef_object(found, namespace)))

    @_json
    def put(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        given = documents.OBJECT.check(payload.read_json(request.environ))
        changed = self._registry.metadef_object_update(request.context, namespace, name, given)
        return Response(dump(views.changed_object(changed, namespace)))

    @_json
    def delete(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        self._registry.metadef_object_delete(request.context, namespace, name)
        return Response(status=204, content_type=None)

    @_json
    def delete_all(self, request: Request, _response: Response, namespace: str) -> Response:
        self._registry.metadef_object_delete_all(request.context, namespace)
        return Response(status=204, content_type=None)
