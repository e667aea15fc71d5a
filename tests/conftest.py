"""What may a test need from the machine, and what happens where that is absent?

Rules: a test names what it needs with ``@pytest.mark.needs("data")``. Where that is absent the test skips and says how
to get it, unless the environment's ``VTRADE_REQUIRE=data,browser`` names it: then it fails. No test writes Jupyter's
files or preferences into the home folder, and none spends money with somebody's key unless ``VTRADE_REQUIRE`` names
``openai``.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.servers import Server
    from vtrade.services.stack.local import LocalStack

ROOT = Path(__file__).resolve().parents[1]
HOMES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "local")


def data_path() -> Path:
    """Folder of real market data: ``VTRADE_DATA``, or ``../shared/data`` beside the project."""
    named = os.environ.get("VTRADE_DATA")
    return Path(named).resolve() if named else ROOT.parent / "shared" / "data"


def chromium_path() -> str | None:
    """The system's browser: ``VTRADE_CHROMIUM``, or the first one on the ``PATH``."""
    named = os.environ.get("VTRADE_CHROMIUM")
    names = (named,) if named else ("chromium", "google-chrome", "chromium-browser")
    return next((found for name in names if (found := shutil.which(name))), None)


def has_browser() -> bool:
    return chromium_path() is not None and importlib.util.find_spec("playwright") is not None


def in_environment(name: str) -> Callable[[], bool]:
    return lambda: bool(os.environ.get(name))


@functools.cache
def has_java() -> bool:
    """Whether there is a Java that is new enough for Kafka."""
    from vtrade.services.settings import load_settings
    from vtrade.services.stack.programs import StackError, find_java

    try:
        find_java(named=load_settings().java)
    except StackError:
        return False
    return True


def has_kafka() -> bool:
    """Whether a Kafka is named, or one can be started here: there is Java, and Kafka's files or a way to them."""
    if os.environ.get("VTRADE_KAFKA"):
        return True
    from vtrade.services.settings import load_settings
    from vtrade.services.stack.jars import can_fetch

    return has_java() and can_fetch(load_settings())


def has_redis() -> bool:
    """Whether a Redis is named, or one can be started here."""
    return bool(os.environ.get("VTRADE_REDIS")) or shutil.which("redis-server") is not None


class Need(NamedTuple):
    """Something outside the project: is it here, and how does one get it?"""

    here: Callable[[], bool]
    mend: str


NEEDS = {
    "data": Need(
        lambda: data_path().is_dir(),
        "put the real market data into ../shared/data beside the project, or name its folder in VTRADE_DATA",
    ),
    "browser": Need(
        has_browser, "install Chromium (Debian: apt-get install chromium), or name the program in VTRADE_CHROMIUM"
    ),
    "make": Need(lambda: shutil.which("make") is not None, "install GNU make"),
    "java": Need(has_java, "install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"),
    "kafka": Need(
        has_kafka,
        "install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven), "
        "or start a Kafka broker and name it: VTRADE_KAFKA=localhost:9092",
    ),
    "redis": Need(
        has_redis,
        "install redis-server (Debian: apt-get install redis-server), "
        "or start a Redis server and name it: VTRADE_REDIS=localhost:6379",
    ),
    "openai": Need(in_environment("OPENAI_API_KEY"), "it may cost money: set OPENAI_API_KEY and VTRADE_REQUIRE=openai"),
}


def required() -> set[str]:
    return {name.strip() for name in os.environ.get("VTRADE_REQUIRE", "").split(",")} - {""}


def demand(name: str) -> None:
    """Skip the running test where ``name`` is absent, or fail it where ``VTRADE_REQUIRE`` names it."""
    need = NEEDS[name]
    if need.here():
        return
    message = f"needs {name}: {need.mend}"
    if name in required():
        pytest.fail(f"{message} (VTRADE_REQUIRE={os.environ['VTRADE_REQUIRE']})", pytrace=False)
    pytest.skip(message)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"needs(*names): what the test needs from the machine: {', '.join(NEEDS)}")
    if unknown := required() - NEEDS.keys():
        raise pytest.UsageError(f"VTRADE_REQUIRE names {', '.join(sorted(unknown))}; known are {', '.join(NEEDS)}")
    home = tempfile.TemporaryDirectory(prefix="vtrade-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    for name in HOMES:
        patch.setenv(name, str(Path(home.name) / name.lower()))
    patch.setenv("VTRADE_PREFERENCES", "off")  # what one test chose is not for the next
    if "openai" not in required():
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
            patch.delenv(name, raising=False)


def pytest_report_header() -> str:
    return "needs: " + ", ".join(f"{name} {'here' if need.here() else 'absent'}" for name, need in NEEDS.items())


GROUPS = {
    "adapters": "servers",
    "backbone": "servers",
    "stack": "servers",
    "browser": "browser",
    "notebooks": "browser",
}
"""Folders whose tests share servers, or a browser: each group runs in one process where several share the work."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares servers, where pytest-xdist deals the tests out."""
    for item in items:
        folder = item.path.relative_to(ROOT).parts[1:2] if item.path.is_relative_to(ROOT / "tests") else ()
        group = GROUPS.get("".join(folder)) or ("browser" if "stage" in getattr(item, "fixturenames", ()) else "")
        if group:
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_itemcollected(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        if unknown := set(marker.args) - NEEDS.keys():
            raise pytest.UsageError(f"{item.nodeid} needs {sorted(unknown)}; known are {', '.join(NEEDS)}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            demand(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """Top folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real market data; the test that asks for it needs ``data``."""
    demand("data")
    return data_path()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; the test that asks for it needs ``browser``."""
    demand("browser")
    path = chromium_path()
    assert path is not None
    return path


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One browser for the whole run."""
    from vtrade.bench import lab

    with lab.chromium(chromium) as running:
        yield running


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Kafka for the whole run (``.address``); the test that asks for it needs ``kafka``."""
    demand("kafka")
    from tests import servers

    with servers.kafka_server(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis for the whole run (``.url``); the test that asks for it needs ``redis``."""
    demand("redis")
    from tests import servers

    with servers.redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A Kafka and a Redis for one test alone, which may break them; it needs both, and programs to start them."""
    for name in ("java", "kafka", "redis"):
        demand(name)
    from tests import servers

    with servers.own_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack
