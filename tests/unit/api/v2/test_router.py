import pytest

from imagesvc.api import faults
from imagesvc.api.v2.router import Route, Router


def show(): ...
def listing(): ...
def data(): ...
def detail(): ...


@pytest.fixture
def router():
    return Router(
        [
            Route("GET", "/images", listing),
            Route("POST", "/images", listing),
            Route("GET", "/images/{image_id}", show),
            Route("PUT", "/images/{image_id}/file", data),
            Route("GET", "/images/detail", detail),
        ]
    )


@pytest.mark.parametrize(
    ("path", "controller", "variables"),
    [
        ("/images", listing, []),
        ("/images/1", show, ["1"]),
        ("/images/detail", detail, []),
        ("/images/é".encode().decode("latin-1"), show, ["é"]),
    ],
)
def test_matches(router, path, controller, variables):
    route, found = router.match("GET", path)
    assert (route.controller, found) == (controller, variables)


@pytest.mark.parametrize(
    "path", ["", "/", "/image", "/images/", "/images//file", "/images/1/", "/images/1/file/", "/images/1/nothing", "x"]
)
def test_other_paths_are_not_found(router, path):
    with pytest.raises(faults.HTTPFault) as caught:
        router.match("GET", path)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("DELETE", "/images", "GET, POST"), ("HEAD", "/images/1", "GET"), ("GET", "/images/1/file", "PUT")],
)
def test_other_methods_are_told_the_right_ones(router, method, path, allow):
    with pytest.raises(faults.HTTPFault) as caught:
        router.match(method, path)
    assert (caught.value.status, caught.value.headers) == (405, {"Allow": allow})


def test_methods_that_http_does_not_know_are_not_implemented(router):
    with pytest.raises(faults.HTTPFault) as caught:
        router.match("FROB", "/images")
    assert caught.value.status == 501


def test_a_path_that_is_not_utf8_is_refused(router):
    with pytest.raises(faults.HTTPFault) as caught:
        router.match("GET", "/images/\xff")
    assert caught.value.status == 400
