"""The client side of the seam: one method per call, each naming the RPC minor it needs.

Every method raises what its endpoint raises (see :mod:`imagesvc.exception`), and besides
:class:`~imagesvc.exception.RegistryUnavailable` when no answer came in time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from imagesvc import context as ctx
from imagesvc import objects
from imagesvc.rpc import locations, metadefs, transport


class RegistryAPI(metadefs.MetadefAPI, locations.LocationAPI):
    """What glance-api may ask of glance-registry.

    :param caller: makes one call with its deadline, retries and ``op_id``.
    """

    def __init__(self, caller: transport.Caller) -> None:
        self._read = caller.read
        self._mutate = caller.mutate

    # -- images ----------------------------------------------------------------------------------

    def image_get(self, context: ctx.RequestContext, image_id: str) -> objects.Image:
        """One image the caller may see."""
        return objects.Image.from_primitive(self._read(context, "image_get", "1.0", image_id=image_id))

    def image_get_for_download(self, context: ctx.RequestContext, image_id: str) -> objects.Image:
        """One image whose bytes the caller may have, with its active locations."""
        return objects.Image.from_primitive(self._read(context, "image_get_for_download", "1.0", image_id=image_id))

    def image_list(self, context: ctx.RequestContext, query: objects.ImageQuery) -> objects.ImagePage:
        return objects.ImagePage.from_primitive(self._read(context, "image_list", "1.0", query=query.to_primitive()))

    def image_create(self, context: ctx.RequestContext, image: Mapping[str, Any]) -> objects.Image:
        """Create a queued image.

        :param image: validated fields by column name, with ``id`` (made by the caller), ``properties`` and ``tags``.
        """
        return objects.Image.from_primitive(self._mutate(context, "image_create", "1.0", image=dict(image)))

    def image_patch(
        self, context: ctx.RequestContext, image_id: str, changes: Sequence[Mapping[str, Any]]
    ) -> objects.Image:
        """Apply changes to the locked row, all or none.

        :param changes: ``{"op": add|remove|replace|test, "path": [name, ...], "value": ..., "strict": bool}``; ``strict``
            (the v2.0 media type) refuses to add what exists. Or ``{"op": "match", "versions": [...]}``: the image must have
            one of these versions.  ``test`` and ``match`` need 1.1, locations (see :mod:`imagesvc.registry.locations`) 1.3.
        """
        result = self._mutate(context, "image_patch", "1.0", image_id=image_id, changes=[dict(c) for c in changes])
        return objects.Image.from_primitive(result)

    def image_delete(self, context: ctx.RequestContext, image_id: str) -> None:
        """Delete the image; its data becomes the janitor's to remove."""
        self._mutate(context, "image_delete", "1.0", image_id=image_id)

    def image_deactivate(self, context: ctx.RequestContext, image_id: str) -> None:
        """Withhold the image's data."""
        self._mutate(context, "image_deactivate", "1.1", image_id=image_id)

    def image_reactivate(self, context: ctx.RequestContext, image_id: str) -> None:
        """Give the image's data out again."""
        self._mutate(context, "image_reactivate", "1.1", image_id=image_id)

    # -- tags ------------------------------------------------------------------------------------

    def tag_add(self, context: ctx.RequestContext, image_id: str, tag: str) -> None:
        self._mutate(context, "tag_add", "1.1", image_id=image_id, tag=tag)

    def tag_delete(self, context: ctx.RequestContext, image_id: str, tag: str) -> None:
        self._mutate(context, "tag_delete", "1.1", image_id=image_id, tag=tag)

    # -- members ---------------------------------------------------------------------------------

    def member_add(self, context: ctx.RequestContext, image_id: str, member: str) -> objects.Member:
        """Share the image with the project ``member``, which has yet to accept it."""
        result = self._mutate(context, "member_add", "1.1", image_id=image_id, member=member)
        return objects.Member.from_primitive(result)

    def member_get(self, context: ctx.RequestContext, image_id: str, member: str) -> objects.Member:
        return objects.Member.from_primitive(self._read(context, "member_get", "1.1", image_id=image_id, member=member))

    def member_list(self, context: ctx.RequestContext, image_id: str) -> list[objects.Member]:
        """The members the caller may know of."""
        found = self._read(context, "member_list", "1.1", image_id=image_id)
        return [objects.Member.from_primitive(item) for item in found]

    def member_update(self, context: ctx.RequestContext, image_id: str, member: str, status: str) -> objects.Member:
        """The project's answer: pending, accepted or rejected."""
        result = self._mutate(context, "member_update", "1.1", image_id=image_id, member=member, status=status)
        return objects.Member.from_primitive(result)

    def member_delete(self, context: ctx.RequestContext, image_id: str, member: str) -> None:
        self._mutate(context, "member_delete", "1.1", image_id=image_id, member=member)

    # -- tasks -----------------------------------------------------------------------------------

    def task_create(
        self, context: ctx.RequestContext, task_id: str, kind: str, work: Mapping[str, Any]
    ) -> objects.Task:
        """Ask for long work.

        :param kind: the task's type; :param work: its input.
        """
        result = self._mutate(context, "task_create", "1.3", task_id=task_id, kind=kind, work=dict(work))
        return objects.Task.from_primitive(result)

    def task_get(self, context: ctx.RequestContext, task_id: str) -> objects.Task:
        return objects.Task.from_primitive(self._read(context, "task_get", "1.3", task_id=task_id))

    def task_list(self, context: ctx.RequestContext, query: objects.TaskQuery) -> objects.TaskPage:
        """A page of tasks without input, result and message."""
        return objects.TaskPage.from_primitive(self._read(context, "task_list", "1.3", query=query.to_primitive()))

    def image_task_list(self, context: ctx.RequestContext, image_id: str) -> list[objects.Task]:
        """The caller's tasks about an image he may see; all of them for administrators."""
        found = self._read(context, "image_task_list", "1.3", image_id=image_id)
        return [objects.Task.from_primitive(item) for item in found]

    # -- usage -----------------------------------------------------------------------------------

    def usage_get(self, context: ctx.RequestContext) -> dict[str, dict[str, int]]:
        """What the caller's project uses and may: ``{limit: {"usage": n, "limit": n}}``, sizes in MiB; -1 is no limit."""
        answer: dict[str, dict[str, int]] = self._read(context, "usage_get", "1.3")
        return answer

    # -- uploads ---------------------------------------------------------------------------------

    def upload_begin(
        self,
        context: ctx.RequestContext,
        image_id: str,
        upload_id: str,
        store: str,
        size: int | None,
        host: str,
        worker: str,
    ) -> objects.UploadGrant:
        """queued -> saving, with an intent that lives as long as its lease is renewed.

        :param size: announced bytes, None when unknown.
        :param host: where staged bytes will be; :param worker: the process that must renew the lease.
        """
        result = self._mutate(
            context,
            "upload_begin",
            "1.0",
            image_id=image_id,
            upload_id=upload_id,
            store=store,
            size=size,
            host=host,
            worker=worker,
        )
        return objects.UploadGrant.from_primitive(result)

    def upload_renew(self, context: ctx.RequestContext, upload_id: str, received: int) -> None:
        """Extend the lease and the reservation to ``received`` bytes."""
        self._mutate(context, "upload_renew", "1.0", upload_id=upload_id, received=received)

    def upload_complete(
        self,
        context: ctx.RequestContext,
        upload_id: str,
        blob: objects.StoredBlob,
        os_hash_algo: str,
        virtual_size: int | None,
    ) -> objects.Image:
        """saving -> active, if the intent still lives."""
        result = self._mutate(
            context,
            "upload_complete",
            "1.0",
            upload_id=upload_id,
            blob=blob.to_primitive(),
            os_hash_algo=os_hash_algo,
            virtual_size=virtual_size,
        )
        return objects.Image.from_primitive(result)

    def upload_abort(self, context: ctx.RequestContext, upload_id: str) -> None:
        """saving -> queued; after this no completion of ``upload_id`` can succeed. Idempotent."""
        self._mutate(context, "upload_abort", "1.0", upload_id=upload_id)

    def uploads_abort_worker(self, context: ctx.RequestContext, worker: str) -> int:
        """Abort all intents of a dead worker; the number of them."""
        count: int = self._mutate(context, "uploads_abort_worker", "1.0", worker=worker)
        return count

    # -- the janitor's ledger --------------------------------------------------------------------

    def cleanup_claim(
        self, context: ctx.RequestContext, host: str, stores: Sequence[str], limit: int = 100
    ) -> list[objects.CleanupItem]:
        """Take charge, for a while, of bytes to remove.

        :param stores: backend ids this host can reach.
        """
        items = self._mutate(context, "cleanup_claim", "1.0", host=host, stores=list(stores), limit=limit)
        return [objects.CleanupItem.from_primitive(item) for item in items]

    def cleanup_done(self, context: ctx.RequestContext, items: Sequence[objects.CleanupItem]) -> None:
        """The bytes of ``items`` are gone for good."""
        done = [{"kind": item.kind, "ref": item.ref} for item in items]
        self._mutate(context, "cleanup_done", "1.0", items=done)

    def blobs_unknown(self, context: ctx.RequestContext, blobs: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
        """Those of ``blobs`` that neither a location nor an intent accounts for.

        :param blobs: ``{"image_id": ..., "url": ...}`` or ``{"upload_id": ...}`` each.
        """
        unknown: list[Mapping[str, str]] = self._read(context, "blobs_unknown", "1.0", blobs=[dict(b) for b in blobs])
        return unknown

    # -- health ----------------------------------------------------------------------------------

    def ping(self, context: ctx.RequestContext) -> dict[str, Any]:
        """``{"version": RPC version, "database": "ok"}``; raises what a real call would."""
        answer: dict[str, Any] = self._read(context, "ping", "1.0")
        return answer
