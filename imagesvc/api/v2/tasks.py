"""Tasks; each request costs one call of the registry."""

import uuid

import pecan

from imagesvc.api import payload
from imagesvc.api.app import Request, Response
from imagesvc.api.runtime import Runtime
from imagesvc.api.v2 import image_query, task_query, task_schema, views
from imagesvc.api.v2.images import image_id_of

_json = pecan.expose(content_type="application/json")


class TasksController:
    """Create, list and show; and the tasks of one image."""

    def __init__(self, runtime: Runtime) -> None:
        self._registry = runtime.registry
        self._default_limit = runtime.conf.limit_param_default
        self._max_limit = runtime.conf.api_limit_max

    @_json
    def get_all(self, request: Request, _response: Response) -> Response:
        given = image_query.pairs(request.environ.get("QUERY_STRING", ""))
        query = task_query.parse(given, self._default_limit, self._max_limit)
        page = self._registry.task_list(request.context, query)
        return Response(views.dump(views.tasks(page, given)))

    @_json
    def post(self, request: Request, _response: Response) -> Response:
        kind, work = task_schema.new_task(payload.read_json(request.environ))
        task = self._registry.task_create(request.context, str(uuid.uuid4()), kind, work)
        return Response(views.dump(views.task(task)), status=201, location=f"/v2/tasks/{task.id}")

    @_json
    def get_one(self, request: Request, _response: Response, task_id: str) -> Response:
        return Response(views.dump(views.task(self._registry.task_get(request.context, task_id))))

    @_json
    def get_of_image(self, request: Request, _response: Response, image_id: str) -> Response:
        tasks = self._registry.image_task_list(request.context, image_id_of(image_id))
        return Response(views.dump({"tasks": [views.task_row(task) for task in tasks]}))
