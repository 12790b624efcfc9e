"""Make what is sent of the scripts for browsers from their source: ``python tests/minify.py``.

It reads ``consent_middleware/web/*.js`` and writes ``consent_middleware/web/sent/``, with terser, which it fetches by
npm. Run it after each change of a script.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from support.npm import node, npm_file

WEB = Path(__file__).parents[1] / "consent_middleware" / "web"
SENT = WEB / "sent"
TERSER = ("terser@5.44.1", "dist/bundle.min.js")


def minified() -> dict[str, str]:
    """Return what there is to send of each script, by its file's name."""
    scripts = {path.name: path.read_text(encoding="utf-8") for path in sorted(WEB.glob("*.js"))}
    with tempfile.NamedTemporaryFile(suffix=".js") as bundle:
        bundle.write(npm_file(*TERSER))
        bundle.flush()
        command = [*node(), str(Path(__file__).parent / "support" / "minify.js"), bundle.name]
        done = subprocess.run(command, input=json.dumps(scripts), capture_output=True, text=True, check=True)
    sent: dict[str, str] = json.loads(done.stdout)
    return {name: f"{script}\n" for name, script in sent.items()}


def main() -> None:
    SENT.mkdir(exist_ok=True)
    for name, script in minified().items():
        (SENT / name).write_text(script, encoding="ascii")
        print(f"{SENT.relative_to(WEB.parents[1]) / name}: {len(script)} bytes")


if __name__ == "__main__":
    main()
