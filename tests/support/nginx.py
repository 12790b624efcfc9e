"""A real nginx in front of an application: a shared cache as many sites have one, with everything in one folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

import pytest

from support.servers import free_port, running, wait_for

_PLACES = ("nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx")
_MISSING = """nginx was not found, and the tests behind a shared cache need it. Install it
    on Debian and Ubuntu:      apt-get install nginx-light (as root on Debian, tests/run does so by itself)
    on Fedora, Arch, Alpine:   the package nginx
    on macOS:                  brew install nginx
or leave these tests out: --ignore=tests/servers/test_behind_nginx.py
"""
_CONFIGURATION = Template("""
$user
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    proxy_cache_path $folder/cache keys_zone=site:1m;
    server {
        listen 127.0.0.1:$port;
        location / {
            proxy_pass http://127.0.0.1:$upstream;
            proxy_set_header Host $$http_host;
            proxy_cache site;
            proxy_cache_valid 200 10m;
            add_header X-Cache $$upstream_cache_status always;
            $extra
        }
    }
}
""")


@contextmanager
def nginx(folder: Path, upstream: int, extra: str = "") -> Iterator[int]:
    """Start nginx on a port of its own, which is given, with a cache before the server on port ``upstream``.

    It keeps for ten minutes whatever does not forbid it, and tells in ``X-Cache`` what came from where. ``extra`` are
    further directives for it.
    """
    program = next((found for place in _PLACES if (found := shutil.which(place))), None)
    if program is None:
        pytest.fail(_MISSING, pytrace=False)
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.substitute(user=user, folder=folder, port=port, upstream=upstream, extra=extra))
    with running([program, "-p", folder, "-c", file, "-e", folder / "error.log", "-g", "daemon off;"]) as process:
        wait_for(port, process)
        yield port
