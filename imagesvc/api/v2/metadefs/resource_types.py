"""Resource types and their associations with namespaces; each request costs one call of the registry."""

import pecan

from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.metadefs import documents, views
from imagesvc.api.v2.views import dump

_json = pecan.expose(content_type="application/json")


class ResourceTypesController:
    """List resource types; list, create and delete a namespace's associations."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry

    @_json
    def get_all(self, request: Request, _response: Response) -> Response:
        found = self._registry.metadef_resource_type_list(request.context)
        return Response(dump({"resource_types": [views.resource_type(item) for item in found]}))

    @_json
    def get_associations(self, request: Request, _response: Response, namespace: str) -> Response:
        found = self._registry.metadef_association_list(request.context, namespace)
        return Response(dump({"resource_type_associations": [views.association(item) for item in found]}))

    @_json
    def post(self, request: Request, _response: Response, namespace: str) -> Response:
        given = documents.ASSOCIATION.check(payload.read_json(request.environ))
        created = self._registry.metadef_association_create(request.context, namespace, given)
        return Response(dump(views.association(created)), status=201)

    @_json
    def delete(self, request: Request, _response: Response, namespace: str, name: str) -> Response:
        self._registry.metadef_association_delete(request.context, namespace, name)
        return Response(status=204, content_type=None)
