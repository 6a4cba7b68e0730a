import pytest

from imagesvc import exception
from imagesvc.conf import store as options
from imagesvc.store import description, drivers
from tests.fixtures.stores import make_conf


def _described(tmp_path, kind, ini=""):
    conf = make_conf(tmp_path, f"[a]\n{ini}")
    conf.register_opts(options.MULTI, group="glance_store")
    return description.describe(drivers.StoreDriver(conf, "a", kind, "a"), is_default=False)


@pytest.mark.parametrize(
    ("kind", "ini", "properties"),
    [
        ("http", "", {}),
        (
            "swift",
            "swift_store_container = c\nswift_store_large_object_size = 10\nswift_store_large_object_chunk_size = 5",
            {"container": "c", "large_object_size": 10 << 20, "large_object_chunk_size": 5 << 20},
        ),
        (
            "rbd",
            "rbd_store_pool = p\nrbd_store_chunk_size = 4",
            {"chunk_size": 4 << 20, "pool": "p", "thin_provisioning": False},
        ),
    ],
)
def test_what_is_shown_of_each_type(tmp_path, kind, ini, properties):
    found = _described(tmp_path, kind, ini)
    assert (found.kind, found.properties) == (kind, properties)


def test_a_file_store_with_several_directories_shows_the_first(tmp_path):
    found = _described(tmp_path, "file", f"filesystem_store_datadirs = {tmp_path}/x:5\n")
    assert found.properties["data_dir"] == f"{tmp_path}/x"


def test_what_the_driver_refuses_stops_the_start(tmp_path):
    ini = "swift_store_multi_tenant = true\nswift_store_config_file = /x"
    with pytest.raises(exception.ConfigurationError, match="swift_store_config_file"):
        _described(tmp_path, "swift", ini)


def test_text_and_weight(tmp_path):
    found = _described(tmp_path, "http", "store_description = words\nweight = 7")
    assert (found.text, found.weight, found.is_read_only, found.is_default) == ("words", 7, True, False)
