"""The routes of metadata definitions."""

from collections.abc import Iterator

from imagesvc.api.runtime import Runtime
from imagesvc.api.v2.metadefs.namespaces import NamespacesController
from imagesvc.api.v2.metadefs.objects import ObjectsController
from imagesvc.api.v2.metadefs.properties import PropertiesController
from imagesvc.api.v2.metadefs.resource_types import ResourceTypesController
from imagesvc.api.v2.metadefs.schemas import SchemasController
from imagesvc.api.v2.metadefs.tags import TagsController
from imagesvc.api.v2.router import Body, Route

_NAMESPACES = "/metadefs/namespaces"
_NAMESPACE = f"{_NAMESPACES}/{{namespace}}"


def routes(parts: Runtime) -> Iterator[Route]:
    """All lines of the table that are about metadata definitions."""
    namespace, types = NamespacesController(parts), ResourceTypesController(parts)
    yield Route("GET", "/schemas/metadefs/{name}", SchemasController().get_one)
    yield Route("GET", "/metadefs/resource_types", types.get_all)
    yield Route("GET", _NAMESPACES, namespace.get_all, Body.IGNORED)
    yield Route("POST", _NAMESPACES, namespace.post, Body.JSON)
    yield Route("GET", _NAMESPACE, namespace.get_one)
    yield Route("PUT", _NAMESPACE, namespace.put, Body.JSON)
    yield Route("DELETE", _NAMESPACE, namespace.delete)
    yield Route("GET", f"{_NAMESPACE}/resource_types", types.get_associations)
    yield Route("POST", f"{_NAMESPACE}/resource_types", types.post, Body.JSON)
    yield Route("DELETE", f"{_NAMESPACE}/resource_types/{{name}}", types.delete)
    yield from _items("objects", ObjectsController(parts), Body.IGNORED)
    yield from _items("properties", PropertiesController(parts), Body.NONE)
    yield from _tags(TagsController(parts))


def _items(noun: str, items: ObjectsController | PropertiesController, list_body: Body) -> Iterator[Route]:
    path = f"{_NAMESPACE}/{noun}"
    yield Route("GET", path, items.get_all, list_body)
    yield Route("POST", path, items.post, Body.JSON)
    yield Route("DELETE", path, items.delete_all)
    yield Route("GET", f"{path}/{{name}}", items.get_one)
    yield Route("PUT", f"{path}/{{name}}", items.put, Body.JSON)
    yield Route("DELETE", f"{path}/{{name}}", items.delete)


def _tags(tags: TagsController) -> Iterator[Route]:
    path = f"{_NAMESPACE}/tags"
    yield Route("GET", path, tags.get_all, Body.IGNORED)
    yield Route("POST", path, tags.post_all, Body.JSON)
    yield Route("DELETE", path, tags.delete_all)
    yield Route("GET", f"{path}/{{name}}", tags.get_one)
    yield Route("POST", f"{path}/{{name}}", tags.post)
    yield Route("PUT", f"{path}/{{name}}", tags.put, Body.JSON)
    yield Route("DELETE", f"{path}/{{name}}", tags.delete)
