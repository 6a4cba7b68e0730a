"""Who lists which images: visibility as conditions for the WHERE clause.

Who sees several kinds of images, his own, public ones, those shared with him, gets a query for each kind, so that each can be
read from an index in the order of the page.
"""

import dataclasses

from sqlalchemy import BindParameter, String, and_, bindparam, false, or_, select
from sqlalchemy.sql.elements import ColumnElement

from imagesvc.registry.db import models

_images = models.images

#: The viewer's project, a parameter of every condition.
_PROJECT: BindParameter[str | None] = bindparam("project_id", type_=String)

#: What the names of the indexes begin with that have each owner's images in every order.
OF_OWNER = "imagesvc_images_of_owner_by_"
#: The index that has each owner's images of each visibility in the order of their creation.
OF_OWNER_AND_VISIBILITY = "imagesvc_images_of_owner_and_visibility"


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """What matters of who asks; which project it is, is the parameter ``project_id``."""

    has_project: bool
    is_admin: bool


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """Images somebody sees for one reason.

    :param indexes: what the names of the indexes begin with that have these images in every order; None when what makes
        them visible is found in another table.
    :param is_own: whether they are the viewer's own images; None if some are.
    :param has_visibility: whether all have one visibility.
    """

    condition: ColumnElement[bool]
    indexes: str | None = "imagesvc_images_by_"
    is_own: bool | None = None
    has_visibility: bool = False


def _of_visibility(condition: ColumnElement[bool], is_own: bool | None = None) -> View:
    return View(condition, "imagesvc_images_of_visibility_by_", is_own, has_visibility=True)


def views(viewer: Viewer, wanted: str | None, member_status: str, owned: bool | None = None) -> list[View]:
    """Views no two of which have an image in common; what is in any of them is on the list.

    :param wanted: a visibility, "all", or None for what is listed without asking for any.
    :param member_status: of those shared with the viewer; "all" for any.
    :param owned: whether only the viewer's own images are asked for, or only foreign ones; None if neither is sure.
    """
    found = _views(viewer, wanted, member_status)
    return [view for view in found if None in (owned, view.is_own) or view.is_own == owned] or found[:1]


def _views(viewer: Viewer, wanted: str | None, member_status: str) -> list[View]:
    visibility = _images.c.visibility
    if viewer.is_admin:
        return [_admin_view(viewer, wanted)]
    if wanted in ("public", "community"):
        return [_of_visibility(visibility == wanted)]
    own, foreign = _ownership(viewer)
    shared = View(and_(foreign, visibility == "shared", _is_member(member_status)), None, is_own=False)
    if wanted == "private":
        return [_owned(own, wanted)]
    if wanted == "shared":
        return [_owned(own, wanted), shared]
    views = [_owned(own), _of_visibility(and_(foreign, visibility == "public"), is_own=False), shared]
    community = _of_visibility(and_(foreign, visibility == "community"), is_own=False)
    return [*views, community] if wanted == "all" else views


def _owned(own: ColumnElement[bool], visibility: str | None = None) -> View:
    condition = own if visibility is None else and_(own, _images.c.visibility == visibility)
    return View(condition, OF_OWNER, is_own=True, has_visibility=visibility is not None)


def _admin_view(viewer: Viewer, wanted: str | None) -> View:
    visibility = _images.c.visibility
    if wanted == "all":
        return View(_images.c.id.is_not(None))
    if wanted is not None:
        return _of_visibility(visibility == wanted)
    owner = _images.c.owner
    own = owner == _PROJECT if viewer.has_project else owner.is_(None)
    return View(or_(visibility != "community", own))


def _ownership(viewer: Viewer) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """(own, foreign); an image without owner is nobody's, and without a project nothing is one's own."""
    owner = _images.c.owner
    if not viewer.has_project:
        return _images.c.id.is_(None), _images.c.id.is_not(None)
    return owner == _PROJECT, or_(owner != _PROJECT, owner.is_(None))


def _is_member(member_status: str) -> ColumnElement[bool]:
    members = models.image_members.c
    mine = select(members.image_id).where(members.member == _PROJECT, members.deleted == false())
    return _images.c.id.in_(mine if member_status == "all" else mine.where(members.status == member_status))
