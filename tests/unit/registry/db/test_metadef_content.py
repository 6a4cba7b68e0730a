import sqlalchemy

from imagesvc import objects
from tests.fixtures.metadefs import ADMIN, MEMBER, make_namespace
from tests.fixtures.registry import make_registry


def _statements(registry, call):
    """The statements about metadata definitions that ``call`` executes."""
    seen = []
    engine = registry.database._current().engine

    def note(*arguments):
        if "metadef_" in arguments[2]:
            seen.append(arguments[2])

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    call()
    sqlalchemy.event.remove(engine, "before_cursor_execute", note)
    return seen


def _namespace(name, count):
    numbers = [f"{name}{number}" for number in range(count)]
    schema = {"title": "t", "type": "string"}
    return make_namespace(
        name,
        resource_type_associations=[{"name": f"OS::{number}"} for number in numbers],
        properties=[{"name": number, "schema": schema} for number in numbers],
        objects=[{"name": number} for number in numbers],
        tags=[{"name": number} for number in numbers],
    )


def test_a_call_costs_a_constant_number_of_queries(tmp_path):
    registry = make_registry(tmp_path / "state")
    registry.api.metadef_namespace_create(ADMIN, _namespace("small", 1))
    registry.api.metadef_namespace_create(ADMIN, _namespace("large", 30))
    api, query = registry.api, objects.MetadefQuery("created_at", "desc")

    def cost(call, *arguments):
        return len(_statements(registry, lambda: call(*arguments)))

    for name in ("small", "large"):
        assert cost(api.metadef_namespace_get, MEMBER, name) == 5
        assert cost(api.metadef_object_list, MEMBER, name, query) == 2
        assert cost(api.metadef_tag_list, MEMBER, name, query) == 2
        assert cost(api.metadef_property_list, MEMBER, name) == 2
        assert cost(api.metadef_association_list, MEMBER, name) == 2
        assert cost(api.metadef_namespace_delete, ADMIN, name) == 6
    assert cost(api.metadef_namespace_list, MEMBER, query) == 1
    for name in "abc":
        api.metadef_namespace_create(ADMIN, _namespace(name, 2))
        assert cost(api.metadef_namespace_list, MEMBER, query) == 2


def test_rows_that_glance_wrote_are_read(tmp_path):
    registry = make_registry(tmp_path / "state")
    registry.api.metadef_namespace_create(ADMIN, {"namespace": "N"})
    registry.put(
        "INSERT INTO metadef_objects (namespace_id, name, required, json_schema, created_at) "
        "SELECT id, 'o', 'a,b', '{\"a\": {\"type\": \"string\"}}', '2026-01-01 00:00:00' FROM metadef_namespaces"
    )
    registry.put(
        "INSERT INTO metadef_properties (namespace_id, name, json_schema, created_at) "
        "SELECT id, 'p', NULL, '2026-01-01 00:00:00' FROM metadef_namespaces"
    )
    registry.put("UPDATE metadef_namespaces SET visibility = NULL, protected = NULL, updated_at = NULL")
    found = registry.api.metadef_namespace_get(ADMIN, "N")
    assert (found["visibility"], found["protected"]) == ("private", False)
    assert found["updated_at"] == found["created_at"]
    [item] = found["objects"]
    assert (item["required"], item["properties"]) == (["a", "b"], {"a": {"type": "string"}})
    assert item["updated_at"] == item["created_at"] == "2026-01-01T00:00:00"
    assert found["properties"][0]["schema"] == {}
    page = registry.api.metadef_namespace_list(ADMIN, objects.MetadefQuery("updated_at", "asc", visibility="private"))
    assert len(page["namespaces"]) == 1
