"""``/v2/schemas``: the schemas that requests are checked against, as clients read them."""

import pecan

from imagesvc.api.app import Request, Response
from imagesvc.api.v2 import member_schema, task_schema, views
from imagesvc.api.v2.image_schema import ImageSchema

_json = pecan.expose(content_type="application/json")


class SchemasController:
    """Serves what it is given; the documents are rendered once."""

    def __init__(self, schema: ImageSchema) -> None:
        self._image = views.dump(schema.document)
        self._images = views.dump(schema.collection())
        self._member = views.dump(member_schema.MEMBER)
        self._members = views.dump(member_schema.MEMBERS)
        self._task = views.dump(task_schema.TASK)
        self._tasks = views.dump(task_schema.TASKS)

    @_json
    def image(self, _request: Request, _response: Response) -> Response:
        return Response(self._image)

    @_json
    def images(self, _request: Request, _response: Response) -> Response:
        return Response(self._images)

    @_json
    def member(self, _request: Request, _response: Response) -> Response:
        return Response(self._member)

    @_json
    def members(self, _request: Request, _response: Response) -> Response:
        return Response(self._members)

    @_json
    def task(self, _request: Request, _response: Response) -> Response:
        return Response(self._task)

    @_json
    def tasks(self, _request: Request, _response: Response) -> Response:
        return Response(self._tasks)
