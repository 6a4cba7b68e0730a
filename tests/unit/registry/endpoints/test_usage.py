from imagesvc.registry.ceilings import MIB, Ceiling
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
NOBODY = make_context(roles=["admin", "member", "reader"], project_id=None)


class Source:
    is_remote = True

    def of(self, project_id, *, under_way=False):
        most = {"image_size_total": 10 * MIB, "image_stage_total": 0, "image_count_total": 5}
        return (Ceiling(project_id, (project_id,), most),) if project_id else ()


def test_what_a_project_uses_and_may(tmp_path):
    registry = make_registry(tmp_path / "state", source=Source())
    registry.active(MEMBER, size=2 * MIB - 1)
    registry.begin(MEMBER, registry.image(MEMBER), size=MIB)
    assert registry.api.usage_get(MEMBER) == {
        "image_size_total": {"usage": 2, "limit": 10},
        "image_stage_total": {"usage": 0, "limit": 0},
        "image_count_total": {"usage": 2, "limit": 5},
        "image_count_uploading": {"usage": 1, "limit": -1},
    }
    registry.put("UPDATE images SET status = 'uploading', size = :size WHERE status = 'saving'", size=3 * MIB + 5)
    assert registry.api.usage_get(MEMBER)["image_stage_total"] == {"usage": 3, "limit": 0}
    assert registry.api.usage_get(NOBODY) == {}


def test_nothing_without_limits_of_projects(tmp_path):
    registry = make_registry(tmp_path / "state", user_storage_quota="10MB")
    registry.active(MEMBER)
    assert registry.api.usage_get(MEMBER) == {}
