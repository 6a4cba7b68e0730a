import itertools

import pytest

from imagesvc.registry.db import models, views

VISIBILITIES = (None, "all", *models.VISIBILITIES)


@pytest.mark.parametrize(("has_project", "is_admin"), itertools.product([True, False], repeat=2))
def test_every_view_has_an_index_for_every_order(has_project, is_admin):
    indexes = {index.name for index in models.images.indexes}
    for wanted in VISIBILITIES:
        for view in views.views(views.Viewer(has_project, is_admin), wanted, "accepted"):
            for key in models.SORT_KEYS if view.indexes else ():
                assert f"{view.indexes}{key}" in indexes


def test_what_is_shared_is_found_by_its_members():
    found = views.views(views.Viewer(has_project=True, is_admin=False), "shared", "accepted")
    assert [view.indexes for view in found] == ["imagesvc_images_of_owner_by_", None]


def test_views_of_ones_own_and_of_foreign_images_part_when_an_owner_is_asked_for():
    viewer = views.Viewer(has_project=True, is_admin=False)
    assert [view.is_own for view in views.views(viewer, "all", "accepted")] == [True, False, False, False]
    assert [view.is_own for view in views.views(viewer, "all", "accepted", owned=True)] == [True]
    assert [view.is_own for view in views.views(viewer, None, "accepted", owned=False)] == [False, False]
    assert [view.is_own for view in views.views(viewer, "private", "accepted", owned=False)] == [True]
