import base64
import logging

import pytest

from imagesvc import exception, objects
from imagesvc.registry.db import location_urls
from imagesvc.registry.db.location_urls import LocationUrls
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
SERVICE = make_context(roles=["service"], project_id="services")
KEY = "0123456789abcdef"
#: Written by Glance 33 with this key.
OF_GLANCE = {
    "gVDplCnARQbApe9GiB19BTYZFQ7W_U233xpZsypheKzoliAX4gRgvxoYt1Sno7EV": "http://127.0.0.1:42883/raw",
    "MpTAjewbpIFy36FgTee29R4aNMhwDTPS4iQNWNoS-GXf07ep0LXuZAg1_qTijvlpg_zvQJfD2wHhMiYXOsgok0UAp1rrACzcn0CwM-O4vVLWWsOw9oT6zGWav69"
    "BtVL2": "file:///tmp/listing-dorcg92w/images/a9823d41-20dc-4121-98a4-f82cb41aadc7",
}


@pytest.mark.parametrize("sealed", OF_GLANCE)
def test_what_glance_wrote_is_read(sealed):
    assert LocationUrls(KEY).opened(sealed) == OF_GLANCE[sealed]


@pytest.mark.parametrize("key", [KEY, KEY + "8" * 8, KEY * 2, "größe-9-9-9-9-"])
@pytest.mark.parametrize("length", range(14, 34))
def test_what_is_sealed_is_opened(key, length):
    urls, url = LocationUrls(key), f"file:///{'ü' * length}"[:length]
    sealed = urls.sealed(url)
    assert ":" not in sealed
    assert urls.opened(sealed) == url
    assert urls.sealed(url) == sealed


def test_vectors_differ_with_url_and_key():
    vectors = {
        base64.urlsafe_b64decode(LocationUrls(key).sealed(url))[:16] for key in (KEY, KEY * 2) for url in ("a:1", "a:2")
    }
    assert len(vectors) == 4


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_urls_are_written_as_they_are(key):
    assert LocationUrls(key).sealed("file:///a") == "file:///a"


@pytest.mark.parametrize("key", ["x", "x" * 15, "x" * 33, "ü" * 16 + "x"])
def test_keys_of_other_lengths(key):
    with pytest.raises(exception.ConfigurationError, match="16, 24 or 32"):
        LocationUrls(key)


def test_what_was_written_before_there_was_a_key_is_read():
    assert LocationUrls(KEY).opened("rbd://a/b/c/d") == "rbd://a/b/c/d"


@pytest.mark.parametrize("key", [None, KEY[::-1]])
@pytest.mark.parametrize("text", [*OF_GLANCE, "", "no base64!", "YWJj", "abc"])
def test_what_cannot_be_read_stays_as_it_is(key, text, caplog):
    location_urls._say_once.cache_clear()
    urls = LocationUrls(key)
    with caplog.at_level(logging.ERROR):
        assert [urls.opened(text) for _ in range(3)] == [text] * 3
    [record] = caplog.records
    assert "metadata_encryption_key" in record.message


def test_no_url_stands_in_the_database(tmp_path):
    registry = make_registry(tmp_path / "state", metadata_encryption_key=KEY)
    image_id = registry.active(MEMBER, size=3)
    job = registry.api.location_add(
        MEMBER,
        registry.image(MEMBER),
        {"url": "http://web/a", "store": "web", "os_hash_algo": None, "os_hash_value": None, "fault": None},
        "0" * 8 + "-0000-4000-8000-" + "0" * 12,
        "worker-1",
    )
    [(url,)] = registry.rows("SELECT value FROM image_locations")
    [(coming,)] = registry.rows("SELECT url FROM imagesvc_location_jobs")
    assert ":" not in url + coming
    assert job.url == "http://web/a"
    shown = registry.api.image_get(MEMBER, image_id).locations[0].url
    assert LocationUrls(KEY).sealed(shown) == url
    [listed] = [image for image in registry.api.image_list(MEMBER, objects.ImageQuery()).images if image.id == image_id]
    assert listed.locations[0].url == shown
    known = {"image_id": image_id, "url": shown}
    assert registry.api.blobs_unknown(SERVICE, [known, {**known, "url": shown + "x"}]) == [
        {**known, "url": shown + "x"}
    ]
    registry.api.image_delete(MEMBER, image_id)
    [item] = registry.api.cleanup_claim(SERVICE, "host-1", ["fast"], 10)
    assert item.url == shown


def test_data_that_another_image_has_too_stays(tmp_path):
    registry = make_registry(tmp_path / "state", metadata_encryption_key=KEY)
    first, second = registry.active(MEMBER), registry.active(MEMBER)
    registry.put("UPDATE image_locations SET value = :url", url=LocationUrls(KEY).sealed("rbd://a/b/c/d"))
    registry.api.image_delete(MEMBER, first)
    assert registry.api.cleanup_claim(SERVICE, "host-1", ["fast"], 10) == []
    registry.api.image_delete(MEMBER, second)
    assert {item.url for item in registry.api.cleanup_claim(SERVICE, "host-1", ["fast"], 10)} == {"rbd://a/b/c/d"}
