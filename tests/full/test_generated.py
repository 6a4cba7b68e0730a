"""R42: many requests that nobody thought of."""

import os

import pytest

from tests.generated import trial

#: For 20,000 requests, some minutes on a quiet machine.
pytestmark = pytest.mark.timeout(3600)

COUNT = int(os.environ.get("IMAGESVC_REQUESTS", "20000"))


def test_generated_requests_are_answered_as_the_document_says(tmp_path):
    with trial.running(tmp_path) as running:
        running.ask(COUNT, is_repeatable=False)
        succeeded = {operation for operation, status in running.statuses if status < 300}
    # Only with enough of them every operation has done its work at least once; this service has one store.
    asked = {operation for operation, _ in running.statuses}
    assert COUNT < 10_000 or asked - succeeded <= {"", "get", "get_info_stores", "get_info_stores_detail"}


def test_mangled_requests_are_answered_or_dropped(tmp_path):
    with trial.running(tmp_path) as running:
        running.mangle(COUNT // 4, is_repeatable=False)
