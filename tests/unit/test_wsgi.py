"""The application object for other people's servers; under a real one in tests/contract/test_wsgi_gunicorn.py."""

import io
import os
import threading

import pytest

from imagesvc import wsgi
from imagesvc.api import bodies


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        ({}, []),
        ({"OS_GLANCE_CONFIG_DIR": "/d"}, ["--config-file", "/d/glance-api.conf"]),
        ({"OS_GLANCE_CONFIG_FILES": "a.conf; /b.conf;"}, ["--config-file", "/etc/glance/a.conf", "--config-file", "/b.conf"]),
        ({"OS_GLANCE_CONFIG_DIR": "/d", "OS_GLANCE_CONFIG_FILES": "a.conf"}, ["--config-file", "/d/a.conf"]),
    ],
)  # fmt: skip
def test_configuration_from_the_environment(environment, arguments):
    assert wsgi.config_arguments(environment) == arguments


def environ():
    return {"wsgi.input": io.BytesIO(b"abc"), "CONTENT_LENGTH": "3"}


def test_nothing_is_built_before_the_first_request_and_only_once():
    built = []

    def build():
        built.append(os.getpid())
        return lambda environ, _: [environ["wsgi.input"].read()]

    application = wsgi.Application(build)
    assert built == []
    barrier = threading.Barrier(4)
    answers = []

    def ask():
        barrier.wait(10)
        answers.append(application(environ(), None))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [[b"abc"]] * 4
    assert built == [os.getpid()]


def test_forked_process_builds_its_own(monkeypatch):
    built = []
    application = wsgi.Application(lambda: built.append(1) or (lambda *_: []))
    application(environ(), None)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    application(environ(), None)
    assert len(built) == 2


def test_failed_build_is_tried_again():
    attempts = []

    def build():
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError
        return lambda *_: [b"ok"]

    application = wsgi.Application(build)
    with pytest.raises(OSError):
        application(environ(), None)
    assert application(environ(), None) == [b"ok"]


def test_bodies_are_checked():
    seen = []
    application = wsgi.Application(lambda: lambda environ, _: seen.append(environ["wsgi.input"]) or [])
    application(environ(), None)
    assert isinstance(seen[0], bodies.CheckedInput)
