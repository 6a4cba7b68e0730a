"""Tags of namespaces; each request costs one call of the registry."""

import pecan
from oslo_utils import strutils

from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.metadefs import documents, query, views
from imagesvc.api.v2.views import dump

_json = pecan.expose(content_type="application/json")


class TagsController:
    """List, create one or several, show, rename, delete one or all."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry
        self._max_limit = runtime.conf.api_limit_max

    @_json
    def get_all(self, request: Request, _response: Response, namespace: str) -> Response:
        given = query.pairs(request)
        wanted = query.items(given, self._max_limit, "created_at", "desc")
        page = self._registry.metadef_tag_list(request.context, namespace, wanted)
        return Response(dump(views.tags(page, namespace, given)))

    @_json
    def post_all(self, request: Request, _response: Response, namespace: str) -> Response:
        """Several at once, in place of those there are unless the client asks to append them."""
        given = documents.TAGS_GIVEN.check(payload.read_json(request.environ))
        append = strutils.bool_from_string(request.environ.get("HTTP_X_OPENSTACK_APPEND", ""))
        names = [tag["name"] for tag in given["tags"]]
        self._registry.metadef_tag_create_all(request.context, namespace, names, append)
        return Response(dump(given), status=201)

    @_json
    def post(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        documents.TAG.check({"name": name})
        created = self._registry.metadef_tag_create(request.context, namespace, name)
        return Response(dump(views.tag(created)), status=201)

    @_json
    def get_one(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        return Response(dump(views.tag(self._registry.metadef_tag_get(request.context, namespace, name))))

    @_json
    def put(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        given = documents.TAG.check(payload.read_json(request.environ))
        changed = self._registry.metadef_tag_update(request.context, namespace, name, given["name"])
        return Response(dump(views.tag(changed)))

    @_json
    def delete(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        self._registry.metadef_tag_delete(request.context, namespace, name)
        return Response(status=204, content_type=None)

    @_json
    def delete_all(self, request: Request, _response: Response, namespace: str) -> Response:
        self._registry.metadef_tag_delete_all(request.context, namespace)
        return Response(status=204, content_type=None)
