"""R42: some hundred requests that nobody thought of; tests/full has more of them."""

import pytest

from tests.generated import trial


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    with trial.running(tmp_path_factory.mktemp("generated")) as running:
        yield running


def test_generated_requests_are_answered_as_the_document_says(generated):
    generated.ask(300, is_repeatable=True)


def test_mangled_requests_are_answered_or_dropped(generated):
    generated.mangle(100, is_repeatable=True)
