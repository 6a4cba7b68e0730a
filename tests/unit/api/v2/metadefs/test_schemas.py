import pytest

from imagesvc.api.v2.metadefs import documents


@pytest.mark.parametrize("name", sorted(documents.SERVED))
def test_every_document_is_served(ask, name):
    response = ask("GET", f"/v2/schemas/metadefs/{name}")
    assert (response.status_int, response.json) == (200, documents.SERVED[name])
    assert ask.calls == []


def test_others_are_not_there(ask):
    assert ask("GET", "/v2/schemas/metadefs/nope").status_int == 404
    assert ask("POST", "/v2/schemas/metadefs/tag").status_int == 405
