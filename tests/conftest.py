"""What holds for every suite: a skipped test is a failure, because nobody reads why it was skipped, and SIGTERM, as a
time limit sends it, ends the run like Ctrl-C does, so that fixtures stop the processes they started.
"""

import signal
from collections.abc import Iterator

import pytest

import imagesvc.rpc  # noqa: F401 -- before oslo.messaging, so that oslo.service takes the threading backend

# What fixtures assert counts under ``python -O``, too.
pytest.register_assert_rewrite("tests.fixtures")

_SKIPPED: list[str] = []


def pytest_configure() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:  # also true of expected failures
        _SKIPPED.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _SKIPPED.append(report.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    yield
    if _SKIPPED and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _SKIPPED:
        terminalreporter.section("skipped tests are failures here")
        for nodeid in _SKIPPED:
            terminalreporter.write_line(nodeid)
