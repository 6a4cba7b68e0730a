"""The client side of the seam for metadata definitions.

They travel as plain objects: their content is JSON Schema, which is the client's own.  Every one has ``created_at`` and
``updated_at``, and besides:

=============  =====================================================================================================
namespace      ``namespace`` (its name), ``display_name``, ``description``, ``visibility``, ``protected``, ``owner``
object         ``name``, ``description``, ``required`` (names), ``properties`` (schemas by name)
property       ``name``, ``schema``
tag            ``name``
association    ``name`` (of a resource type), ``prefix``, ``properties_target``
resource type  ``name``, ``protected``
=============  =====================================================================================================

A namespace's content stands in it as lists: ``resource_type_associations``, ``properties``, ``objects``, ``tags``.  A page is
``{"items" (or "namespaces"): [...], "next_marker": name or None}``.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagesvc import context as ctx
from imagesvc import objects

Metadef = dict[str, Any]
Values = Mapping[str, Any]


class MetadefAPI:
    """The part of :class:`imagesvc.rpc.rpcapi.RegistryAPI` that is about metadata definitions."""

    _read: Callable[..., Any]
    _mutate: Callable[..., Any]

    # -- namespaces ------------------------------------------------------------------------------

    def metadef_namespace_list(self, context: ctx.RequestContext, query: objects.MetadefQuery) -> Metadef:
        """A page of namespaces, each with its associations and no other content."""
        page: Metadef = self._read(context, "metadef_namespace_list", "1.2", query=query.to_primitive())
        return page

    def metadef_namespace_get(self, context: ctx.RequestContext, namespace: str) -> Metadef:
        """One namespace the caller may see, with its content."""
        found: Metadef = self._read(context, "metadef_namespace_get", "1.2", namespace=namespace)
        return found

    def metadef_namespace_create(self, context: ctx.RequestContext, values: Values) -> Metadef:
        """Create a namespace with the content it has in ``values``; the answer has none."""
        created: Metadef = self._mutate(context, "metadef_namespace_create", "1.2", values=dict(values))
        return created

    def metadef_namespace_update(self, context: ctx.RequestContext, namespace: str, values: Values) -> Metadef:
        """Replace all fields of the namespace itself, its name included; its content stays."""
        changed: Metadef = self._mutate(
            context, "metadef_namespace_update", "1.2", namespace=namespace, values=dict(values)
        )
        return changed

    def metadef_namespace_delete(self, context: ctx.RequestContext, namespace: str) -> None:
        """Delete the namespace with its content."""
        self._mutate(context, "metadef_namespace_delete", "1.2", namespace=namespace)

    # -- objects ---------------------------------------------------------------------------------

    def metadef_object_list(self, context: ctx.RequestContext, namespace: str, query: objects.MetadefQuery) -> Metadef:
        """A page of objects."""
        page: Metadef = self._read(
            context, "metadef_object_list", "1.2", namespace=namespace, query=query.to_primitive()
        )
        return page

    def metadef_object_get(self, context: ctx.RequestContext, namespace: str, name: str) -> Metadef:
        found: Metadef = self._read(context, "metadef_object_get", "1.2", namespace=namespace, name=name)
        return found

    def metadef_object_create(self, context: ctx.RequestContext, namespace: str, values: Values) -> Metadef:
        created: Metadef = self._mutate(
            context, "metadef_object_create", "1.2", namespace=namespace, values=dict(values)
        )
        return created

    def metadef_object_update(self, context: ctx.RequestContext, namespace: str, name: str, values: Values) -> Metadef:
        """Replace the whole object, its name included."""
        changed: Metadef = self._mutate(
            context, "metadef_object_update", "1.2", namespace=namespace, name=name, values=dict(values)
        )
        return changed

    def metadef_object_delete(self, context: ctx.RequestContext, namespace: str, name: str) -> None:
        self._mutate(context, "metadef_object_delete", "1.2", namespace=namespace, name=name)

    def metadef_object_delete_all(self, context: ctx.RequestContext, namespace: str) -> None:
        self._mutate(context, "metadef_object_delete_all", "1.2", namespace=namespace)

    # -- properties ------------------------------------------------------------------------------

    def metadef_property_list(self, context: ctx.RequestContext, namespace: str) -> list[Metadef]:
        """All properties, by name."""
        found: list[Metadef] = self._read(context, "metadef_property_list", "1.2", namespace=namespace)
        return found

    def metadef_property_get(
        self, context: ctx.RequestContext, namespace: str, name: str, resource_type: str | None = None
    ) -> Metadef:
        """One property.

        :param resource_type: when given, ``name`` begins with the prefix that properties have there.
        """
        found: Metadef = self._read(
            context, "metadef_property_get", "1.2", namespace=namespace, name=name, resource_type=resource_type
        )
        return found

    def metadef_property_create(self, context: ctx.RequestContext, namespace: str, values: Values) -> Metadef:
        created: Metadef = self._mutate(
            context, "metadef_property_create", "1.2", namespace=namespace, values=dict(values)
        )
        return created

    def metadef_property_update(
        self, context: ctx.RequestContext, namespace: str, name: str, values: Values
    ) -> Metadef:
        """Replace the whole property, its name included."""
        changed: Metadef = self._mutate(
            context, "metadef_property_update", "1.2", namespace=namespace, name=name, values=dict(values)
        )
        return changed

    def metadef_property_delete(self, context: ctx.RequestContext, namespace: str, name: str) -> None:
        self._mutate(context, "metadef_property_delete", "1.2", namespace=namespace, name=name)

    def metadef_property_delete_all(self, context: ctx.RequestContext, namespace: str) -> None:
        self._mutate(context, "metadef_property_delete_all", "1.2", namespace=namespace)

    # -- tags ------------------------------------------------------------------------------------

    def metadef_tag_list(self, context: ctx.RequestContext, namespace: str, query: objects.MetadefQuery) -> Metadef:
        """A page of tags."""
        page: Metadef = self._read(context, "metadef_tag_list", "1.2", namespace=namespace, query=query.to_primitive())
        return page

    def metadef_tag_get(self, context: ctx.RequestContext, namespace: str, name: str) -> Metadef:
        found: Metadef = self._read(context, "metadef_tag_get", "1.2", namespace=namespace, name=name)
        return found

    def metadef_tag_create(self, context: ctx.RequestContext, namespace: str, name: str) -> Metadef:
        created: Metadef = self._mutate(context, "metadef_tag_create", "1.2", namespace=namespace, name=name)
        return created

    def metadef_tag_create_all(
        self, context: ctx.RequestContext, namespace: str, names: Sequence[str], append: bool = False
    ) -> None:
        """Give the namespace these tags.

        :param append: in addition to those it has, instead of in their place.
        """
        self._mutate(context, "metadef_tag_create_all", "1.2", namespace=namespace, names=list(names), append=append)

    def metadef_tag_update(self, context: ctx.RequestContext, namespace: str, name: str, new_name: str) -> Metadef:
        changed: Metadef = self._mutate(
            context, "metadef_tag_update", "1.2", namespace=namespace, name=name, new_name=new_name
        )
        return changed

    def metadef_tag_delete(self, context: ctx.RequestContext, namespace: str, name: str) -> None:
        self._mutate(context, "metadef_tag_delete", "1.2", namespace=namespace, name=name)

    def metadef_tag_delete_all(self, context: ctx.RequestContext, namespace: str) -> None:
        self._mutate(context, "metadef_tag_delete_all", "1.2", namespace=namespace)

    # -- resource types --------------------------------------------------------------------------

    def metadef_resource_type_list(self, context: ctx.RequestContext) -> list[Metadef]:
        """All resource types that any namespace ever was for."""
        found: list[Metadef] = self._read(context, "metadef_resource_type_list", "1.2")
        return found

    def metadef_association_list(self, context: ctx.RequestContext, namespace: str) -> list[Metadef]:
        """What ties the namespace to resource types."""
        found: list[Metadef] = self._read(context, "metadef_association_list", "1.2", namespace=namespace)
        return found

    def metadef_association_create(self, context: ctx.RequestContext, namespace: str, values: Values) -> Metadef:
        created: Metadef = self._mutate(
            context, "metadef_association_create", "1.2", namespace=namespace, values=dict(values)
        )
        return created

    def metadef_association_delete(self, context: ctx.RequestContext, namespace: str, name: str) -> None:
        self._mutate(context, "metadef_association_delete", "1.2", namespace=namespace, name=name)
