import inspect
import json

import pytest
from webob import exc as webob_exc

from imagesvc import exception
from imagesvc.api import faults
from imagesvc.rpc import failures


def leaves() -> list[type[exception.ImageServiceError]]:
    classes = [cls for _, cls in inspect.getmembers(exception, inspect.isclass) if cls.__module__ == exception.__name__]
    return [cls for cls in classes if not any(other is not cls and issubclass(other, cls) for other in classes)]


@pytest.mark.parametrize("cls", leaves(), ids=lambda cls: cls.__name__)
def test_every_error_has_a_row_of_its_own_or_of_its_family(cls):
    rows = [base for base in cls.__mro__ if base in faults.STATUS]
    assert rows[0] is not exception.ImageServiceError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exception.InvalidParameter(name="name", reason="bad"), 400),
        (exception.InvalidMarker(marker="x"), 400),
        (exception.IncompleteBody(received=3), 400),
        (exception.UnknownStore(store="x"), 400),
        (exception.ReservedProperty(name="x"), 403),
        (exception.ImageProtected(image_id="x"), 403),
        (exception.ImageDeactivated(image_id="x"), 403),
        (exception.ImageNotFound(image_id="x"), 404),
        (exception.ImageExists(image_id="x"), 409),
        (exception.UploadFenced(upload_id="x"), 409),
        (exception.ImageGone(image_id="x"), 410),
        (exception.StoreAddDisabled(store="x"), 410),
        (exception.StorageQuotaExceeded(quota=1, remaining=0), 413),
        (exception.ImageFormatMismatch(declared="raw", reason="it is qcow2"), 415),
        (exception.RangeNotSatisfiable(size=4), 416),
        (exception.RegistryUnavailable(), 503),
        (exception.SchemaMissing(), 503),
        (exception.StoreWriteDenied(store="x"), 503),
        (exception.BadMessage(reason="x"), 500),
        (exception.ConfigurationError(reason="x"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_statuses(error, status):
    assert faults.to_response(error, {}).status_int == status


def test_an_error_from_the_bus_is_answered_like_its_class_and_without_the_servers_traceback():
    class ImageNotFound_Remote(exception.ImageNotFound):  # noqa: N801 - how the bus names them
        def __str__(self) -> str:
            return "Traceback (most recent call last): secret"

    response = faults.to_response(ImageNotFound_Remote(image_id="x"), {"HTTP_ACCEPT": "text/plain"})
    assert response.status_int == 404
    assert response.text == "404 Not Found\n\nNo image found with ID x.\n"
    assert failures.REMOTE_MODULES  # such classes do arrive


def test_json_when_the_client_accepts_it():
    response = faults.to_response(exception.ImageNotFound(image_id="é"), {"HTTP_ACCEPT": "application/json"})
    assert response.content_type == "application/json"
    assert response.json == {"message": "No image found with ID é.", "code": "404 Not Found", "title": "Not Found"}
    assert "é".encode() in response.body


@pytest.mark.parametrize("accept", [None, "*/*", "text/html,application/xhtml+xml"])
def test_html_by_default_with_the_message_escaped(accept):
    environ = {} if accept is None else {"HTTP_ACCEPT": accept}
    response = faults.to_response(exception.Invalid(reason="<script>"), environ)
    assert response.content_type == "text/html"
    assert "<h1>400 Bad Request</h1>" in response.text
    assert "&lt;script&gt;" in response.text
    assert "<script>" not in response.text


@pytest.mark.parametrize("accept", ["text/plain", "", "image/png"])
def test_plain_text_otherwise(accept):
    response = faults.to_response(exception.Invalid(reason="no"), {"HTTP_ACCEPT": accept})
    assert response.content_type == "text/plain"
    assert response.text == "400 Bad Request\n\nno\n"


def test_unavailable_says_when_to_come_back():
    assert int(faults.to_response(exception.RegistryUnavailable(), {}).headers["Retry-After"]) > 0


def test_a_refused_range_tells_the_size():
    assert faults.to_response(exception.RangeNotSatisfiable(size=4), {}).headers["Content-Range"] == "bytes */4"


def test_a_malformed_range_is_refused_without_a_size():
    assert "Content-Range" not in faults.to_response(exception.RangeNotSatisfiable("malformed"), {}).headers


def test_the_unexpected_is_logged_and_not_told(caplog):
    try:
        raise RuntimeError("password=canary")
    except RuntimeError as error:
        response = faults.to_response(error, {"REQUEST_METHOD": "GET", "PATH_INFO": "/v2/images"})
    assert response.status_int == 500
    assert "canary" not in response.text
    assert "Traceback" in caplog.text
    assert "GET /v2/images" in caplog.text


def test_what_is_unavailable_is_logged_once_with_its_reason(caplog):
    """oslo.log writes the error that is being handled behind a warning."""
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/v2", "PATH_INFO": "/images"}
    faults.to_response(exception.SchemaMissing(), environ)
    try:
        raise exception.SchemaMissing
    except exception.SchemaMissing as error:
        faults.to_response(error, environ)
    assert caplog.messages == [
        f"GET /v2/images was answered with 503: {exception.SchemaMissing().msg}",
        "GET /v2/images was answered with 503",
    ]


def test_refusals_of_libraries_keep_their_status():
    response = faults.to_response(webob_exc.HTTPNotFound("nowhere"), {"HTTP_ACCEPT": "application/json"})
    assert (response.status_int, response.json["message"]) == (404, "nowhere")


def test_faults_of_http_carry_their_headers():
    fault = faults.HTTPFault(405, "no", {"Allow": "GET"})
    response = faults.to_response(fault, {"HTTP_ACCEPT": "application/json"})
    assert (response.status_int, response.headers["Allow"]) == (405, "GET")
    assert json.loads(response.body)["title"] == "Method Not Allowed"


def test_a_message_with_half_a_surrogate_pair_can_be_answered():
    assert faults.to_response(exception.Invalid(reason="\ud800"), {"HTTP_ACCEPT": "text/plain"}).status_int == 400


def test_a_line_break_in_a_path_begins_no_line_of_the_log(caplog):
    faults.to_response(exception.SchemaMissing(), {"REQUEST_METHOD": "GET", "PATH_INFO": "/v2/a\r\nGET /b"})
    assert caplog.messages[0].startswith("GET /v2/a%0D%0AGET%20/b was answered with 503")
