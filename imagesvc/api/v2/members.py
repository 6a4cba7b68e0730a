"""The projects an image is shared with; each request costs one call of the registry."""

import pecan

from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2 import member_schema, views
from imagesvc.api.v2.images import image_id_of

_json = pecan.expose(content_type="application/json")


class MembersController:
    """Invite, list, show, answer and remove."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry

    @_json
    def post(self, request: Request, _response: Response, image_id: str) -> Response:
        image_id = image_id_of(image_id)
        project = member_schema.project_in(payload.read_json(request.environ))
        member = self._registry.member_add(request.context, image_id, project)
        return Response(views.dump(views.member(member)))

    @_json
    def get_all(self, request: Request, _response: Response, image_id: str) -> Response:
        members = self._registry.member_list(request.context, image_id_of(image_id))
        document = {"members": [views.member(member) for member in members], "schema": "/v2/schemas/members"}
        return Response(views.dump(document))

    @_json
    def get_one(self, request: Request, _response: Response, image_id: str, member_id: str) -> Response:
        member = self._registry.member_get(request.context, image_id_of(image_id), member_id)
        return Response(views.dump(views.member(member)))

    @_json
    def put(self, request: Request, _response: Response, image_id: str, member_id: str) -> Response:
        image_id = image_id_of(image_id)
        status = member_schema.status_in(payload.read_json(request.environ))
        member = self._registry.member_update(request.context, image_id, member_id, status)
        return Response(views.dump(views.member(member)))

    @_json
    def delete(self, request: Request, _response: Response, image_id: str, member_id: str) -> Response:
        self._registry.member_delete(request.context, image_id_of(image_id), member_id)
        return Response(status=204, content_type=None)
