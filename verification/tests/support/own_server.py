"""Run the commands of docs/deploy.md for a server of one's own, with everything in one folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from verification.tests.support.documents import ROOT
from verification.tests.support.gunicorn import database_url, free_port

#: What only root can do, or only on a real server. Each call is noted.
NOTED = ["apt-get", "useradd", "chown", "systemctl", "ufw", "certbot", "nginx", "curl"]
#: Runs the command without this shell's variables, as sudo does. PGUSER takes the place of "peer".
SUDO = """#!/bin/sh
user={superuser}
case $1 in -u)
    [ "$2" = postgres ] || user=$2
    shift 2
    ;;
esac
exec env -i PATH="$PATH" HOME="$HOME" PGHOST={host} PGPORT={port} PGUSER="$user" "$@"
"""
#: Leaves out the owner and the group.
INSTALL = """#!/bin/sh
for argument; do
    shift
    case $argument in
        -o | -g) skip=1 ;;
        *) [ -n "${{skip:-}}" ] || set -- "$@" "$argument"; skip= ;;
    esac
done
exec {install} "$@"
"""
#: Gives the clone this environment as .venv, so that script/install has no packages to install.
GIT = """#!/bin/sh
{git} "$@" || exit
[ "$1" != clone ] || ln -s {prefix} .venv
"""


class OwnServer:
    """A folder that takes the place of a server's root directory."""

    def __init__(self, place: Path, *, domain: str, installs_packages: bool) -> None:
        self.place, self.domain, self.port = place, domain, free_port()
        self.database = urlsplit(database_url())
        self.app = place / "srv/wechat-gateway"
        self.env_file = place / "etc/wechat-gateway/env"
        for folder in ("bin", "srv", "etc/systemd/system", "etc/nginx/sites-available"):
            (place / folder).mkdir(parents=True)
        (place / "etc/nginx/sites-enabled").mkdir()
        self.write_programs(installs_packages=installs_packages)
        self.make_repository()

    def write_programs(self, *, installs_packages: bool) -> None:
        at = self.database
        programs = {
            "sudo": SUDO.format(superuser=at.username, host=at.hostname, port=at.port),
            "install": INSTALL.format(install=shutil.which("install")),
        }
        if not installs_packages:
            programs["git"] = GIT.format(git=shutil.which("git"), prefix=sys.prefix)
        for name in NOTED:
            programs[name] = f'#!/bin/sh\necho "{name} $*" >> {self.place}/noted\n'
        for name, script in programs.items():
            (self.place / "bin" / name).write_text(script)
            (self.place / "bin" / name).chmod(0o755)

    def make_repository(self) -> None:
        """Commit the files of this checkout, as they are now, to a repository to clone from."""
        repository = self.place / "repository"
        git = ["git", "-c", "safe.directory=*", "-c", "core.quotePath=off"]
        listing = [*git, "ls-files", "-co", "--exclude-standard"]
        files = subprocess.check_output(listing, cwd=ROOT, text=True).splitlines()
        for file in files:
            if (ROOT / file).exists():
                (repository / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, repository / file)
        who = ["-c", "user.name=Li Wei", "-c", "user.email=li.wei@example.cn"]
        for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "All"]):
            subprocess.run(["git", *command], cwd=repository, check=True)

    def localise(self, text: str) -> str:
        """Replace the paths and addresses of the document with those in the folder."""
        at = self.database
        for ours, theirs in {
            "https://github.com/OWNER/wechat_gateway": f"{self.place}/repository",
            "/srv/wechat-gateway": str(self.app),
            "/etc/": f"{self.place}/etc/",
            "/var/": f"{self.place}/var/",
            "BIND=127.0.0.1": f"BIND=127.0.0.1\nPORT={self.port}",
            "@%2Frun%2Fpostgresql": f"@{at.hostname}:{at.port}",
            "LANGUAGE_CODE=zh-hans": "LANGUAGE_CODE=en",  # for the tests' assertions
            "DOMAIN=wx.example.cn": f"DOMAIN={self.domain}",
        }.items():
            text = text.replace(ours, theirs)
        return text

    def run(self, *blocks: str) -> str:
        """Run the blocks in one shell that stops at the first error, and return what they print."""
        (self.place / "home").mkdir(exist_ok=True)
        script = "set -eu\n" + self.localise("\n".join(blocks))
        result = subprocess.run(
            ["sh", "-c", script],
            cwd=self.app if self.app.exists() else self.place,
            env={
                "PATH": f"{self.place}/bin:{os.environ['PATH']}",
                "HOME": str(self.place / "home"),
                "DOMAIN": self.domain,
            },
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, f"{script}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    @contextmanager
    def running(self, unit: str) -> Iterator[None]:
        """Run the service as its unit in /etc/systemd/system says."""
        service = ConfigParser(strict=False, interpolation=None, delimiters="=")
        service.read_string(self.localise((self.place / "etc/systemd/system" / unit).read_text()))
        command = service["Service"]["ExecStart"].split()
        with (self.place / "output").open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=service["Service"]["WorkingDirectory"],
                env={},  # the variables are in .env
                stdout=output,
                stderr=output,
            )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0, (self.place / "output").read_text()
