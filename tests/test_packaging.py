"""What the installed distribution promises: few dependencies, no strangers, types."""

from __future__ import annotations

import email
import pkgutil
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest

import consent_middleware

ROOT = Path(__file__).parents[1]
PACKAGES = {"consent_middleware", "consent_flask", "consent_django", "consent_starlette"}
EXTRAS = (
    "consent_middleware.audit",
    "consent_middleware.cli.ledger.chart",
    "consent_middleware.draft.visit",
    "consent_middleware.ledger",
    "consent_middleware.testing",
)
"""What needs an extra or pytest, and is imported by nothing before somebody asks for it."""
MODULES = pkgutil.walk_packages(consent_middleware.__path__, "consent_middleware.")
NAMES = [module.name for module in MODULES if not module.name.endswith(".__main__")]
CORE = ["consent_middleware", *(name for name in NAMES if not name.startswith(EXTRAS))]

IMPORT_AND_TELL = """
import importlib, sys
before = set(sys.modules)
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def imported_with(*modules: str) -> set[str]:
    """The top-level names that a fresh interpreter imports along with these modules."""
    command = [sys.executable, "-c", IMPORT_AND_TELL, *modules]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).split())


def test_the_core_imports_the_standard_library_and_itsdangerous_only() -> None:
    assert imported_with(*CORE) <= sys.stdlib_module_names | {"consent_middleware", "itsdangerous"}


@pytest.mark.parametrize(
    ("adapter", "strangers"),
    [
        ("consent_flask", {"django", "fastapi", "starlette"}),
        ("consent_django", {"fastapi", "flask", "starlette", "werkzeug"}),
        ("consent_starlette", {"django", "flask", "werkzeug"}),
    ],
)
def test_an_adapter_imports_no_other_framework(adapter: str, strangers: set[str]) -> None:
    imported = imported_with(adapter)
    assert adapter in imported
    assert not imported & (strangers | PACKAGES - {adapter, "consent_middleware"})


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    subprocess.check_output(command, cwd=ROOT)
    return zipfile.ZipFile(next(directory.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    [path] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(path))


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_every_package_in_the_wheel_is_marked_as_typed(wheel: zipfile.ZipFile, package: str) -> None:
    assert f"{package}/py.typed" in wheel.namelist()


def test_installing_without_extras_brings_itsdangerous_only(metadata: Message) -> None:
    requirements: list[str] = metadata.get_all("Requires-Dist", [])
    assert [r for r in requirements if "extra ==" not in r] == ["itsdangerous>=2.2"]


def test_each_framework_has_an_extra_and_all_has_them_all(metadata: Message) -> None:
    assert {"flask", "django", "starlette", "all"} <= set(metadata.get_all("Provides-Extra", []))
