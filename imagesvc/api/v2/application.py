"""The application at /v2: its routes, and what runs around its controllers."""

from collections.abc import Callable, Mapping
from typing import Any

import pecan

from imagesvc.api import hooks, runtime
from imagesvc.api.app import Application, Request
from imagesvc.api.v2 import actions, image_data, image_schema, images, info, locations, members, schemas, tags, tasks
from imagesvc.api.v2.metadefs.routes import routes as metadef_routes
from imagesvc.api.v2.router import Body, Route, Router


def factory(_global_conf: Mapping[str, str], **_local_conf: str) -> Application:
    """Paste's factory."""
    return make(runtime.CURRENT.get())


def make(parts: runtime.Runtime) -> Application:
    """The application over the parts of a worker.

    :raises ConfigurationError: schema-image.json cannot be used.
    """
    return Application(_Root(), [hooks.RouteHook(Router(table(parts))), hooks.FaultHook()])


def table(parts: runtime.Runtime) -> tuple[Route, ...]:
    """All routes below /v2; ``doc/source/api`` has an entry for each.

    :raises ConfigurationError: schema-image.json cannot be used.
    """
    schema = image_schema.load(parts.conf)
    image = images.ImagesController(parts, schema)
    data = image_data.ImageDataController(parts)
    location = locations.LocationsController(parts)
    member = members.MembersController(parts)
    tag = tags.TagsController(parts, schema)
    action = actions.ActionsController(parts)
    offer = info.InfoController(parts)
    task = tasks.TasksController(parts)
    document = schemas.SchemasController(schema)
    return (
        Route("GET", "/images", image.get_all, Body.IGNORED),
        Route("POST", "/images", image.post, Body.JSON),
        Route("GET", "/images/{image_id}", image.get_one),
        Route("PATCH", "/images/{image_id}", image.patch, Body.PATCH),
        Route("DELETE", "/images/{image_id}", image.delete),
        Route("PUT", "/images/{image_id}/file", data.put, Body.OCTETS),
        Route("GET", "/images/{image_id}/file", data.get),
        Route("POST", "/images/{image_id}/locations", location.post, Body.JSON),
        Route("GET", "/images/{image_id}/locations", location.get_all),
        Route("POST", "/images/{image_id}/members", member.post, Body.JSON),
        Route("GET", "/images/{image_id}/members", member.get_all),
        Route("GET", "/images/{image_id}/members/{member_id}", member.get_one),
        Route("PUT", "/images/{image_id}/members/{member_id}", member.put, Body.JSON),
        Route("DELETE", "/images/{image_id}/members/{member_id}", member.delete),
        Route("PUT", "/images/{image_id}/tags/{tag}", tag.put),
        Route("DELETE", "/images/{image_id}/tags/{tag}", tag.delete),
        Route("POST", "/images/{image_id}/actions/deactivate", action.deactivate),
        Route("POST", "/images/{image_id}/actions/reactivate", action.reactivate),
        Route("GET", "/images/{image_id}/tasks", task.get_of_image),
        Route("POST", "/tasks", task.post, Body.JSON),
        Route("GET", "/tasks", task.get_all, Body.IGNORED),
        Route("GET", "/tasks/{task_id}", task.get_one),
        Route("GET", "/info/import", offer.get_import),
        Route("GET", "/info/stores", offer.get_stores),
        Route("GET", "/info/stores/detail", offer.get_stores_detail),
        Route("GET", "/info/usage", offer.get_usage),
        Route("GET", "/schemas/image", document.image),
        Route("GET", "/schemas/images", document.images),
        Route("GET", "/schemas/member", document.member),
        Route("GET", "/schemas/members", document.members),
        Route("GET", "/schemas/task", document.task),
        Route("GET", "/schemas/tasks", document.tasks),
        *metadef_routes(parts),
    )


class _Root:
    """Hands Pecan the controller that the route hook has found."""

    @pecan.expose()
    def _route(self, _segments: list[str], request: Request) -> tuple[Callable[..., Any], list[str]]:
        return request.matched
