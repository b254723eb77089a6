"""Run inside a sandbox: runs the tests of a project, each for a limited time, and prints what came of them as JSON.

Arguments: a word that begins the line of the report, and the seconds that one test may take.
"""

import json
import os
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest


class TestTimeout(Exception):
    """The test took too long."""

    __test__ = False


class Report:
    """Counts what passes, keeps what fails, and ends what hangs."""

    def __init__(self, seconds: float) -> None:
        """Take the seconds that one test may take."""
        self.seconds = seconds
        self.passed = self.skipped = 0
        self.failed: list[list[object]] = []

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, None]:
        """Limit the time of one test with its fixtures."""
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """End the test that runs."""
        raise TestTimeout(f"The test took longer than {self.seconds:g} seconds.")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take what came of a phase of a test."""
        if report.failed:
            self._fail(report)
        elif report.skipped:
            self.skipped += 1
        elif report.when == "call":
            self.passed += 1

    def pytest_collectreport(self, report: Any) -> None:
        """Take what could not be collected."""
        if report.failed:
            self._fail(report)

    def _fail(self, report: Any) -> None:
        crash = getattr(report.longrepr, "reprcrash", None)
        message = crash.message if crash else str(report.longrepr)
        path, line = (crash.path, crash.lineno) if crash else (report.nodeid.partition("::")[0], None)
        path = path.removeprefix(os.getcwd() + "/")  # noqa: PTH109  # starts faster
        if path.startswith("/"):  # In a library: the test is what we know.
            path, line = report.nodeid.partition("::")[0], None
        self.failed.append([report.nodeid, message[:2000], path, line])


def main() -> int:
    """Run all tests below this folder."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  # starts faster
    report = Report(float(sys.argv[2]))
    signal.signal(signal.SIGALRM, report.stop)
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", "--color=no", "--ignore=.penstock"]
    options += ["--disable-warnings", "-o", "asyncio_default_fixture_loop_scope=function"]
    code = int(pytest.main(options, plugins=[report]))
    found = {"code": code, "passed": report.passed, "skipped": report.skipped, "failed": report.failed}
    print(f"\n{sys.argv[1]}", json.dumps(found), flush=True)  # noqa: T201  # its report
    return code


os._exit(main())  # A thread that an app has left running must not keep us.
