"""Install the npm packages of the backends in tests, once for each package-lock.json."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

NPM = shutil.which("npm")
PACKAGES = Path(__file__).parent / "npm"


def node_modules() -> Path:
    """Return the folder of the installed packages."""
    lock = (PACKAGES / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "wechat_gateway_tests" / hashlib.sha256(lock).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as exclusively:  # tests run in several processes
        fcntl.flock(exclusively, fcntl.LOCK_EX)
        if not (place / "installed").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PACKAGES / name, place)
            assert NPM
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run([NPM, "ci", *options], cwd=place, check=True)
            (place / "installed").touch()
    return place / "node_modules"
