"""Runs nginx: python -m benchmarks.peers.nginx PORT [BACKEND]

Without BACKEND it is one: it answers every push with `success`. With BACKEND, the address of one,
it passes every push on to it, and records nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

CONFIGURATION = """
{user}daemon off;
worker_processes {processes};
pid nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    {upstream}
    server {{
        listen 127.0.0.1:{port};
        location / {{ {location} }}
    }}
}}
"""
UPSTREAM = "upstream backend {{ server {backend}; keepalive 64; keepalive_requests 1000000000; }}"
PROXY = """
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
"""


def configuration(port: str, backend: str | None) -> str:
    return CONFIGURATION.format(
        # As root, nginx would switch to a user who cannot read the folder.
        user="user root;\n" if os.geteuid() == 0 else "",
        # A second process of the backend would take time from those that are compared.
        processes=2 if backend else 1,
        port=port,
        upstream=UPSTREAM.format(backend=backend) if backend else "",
        location=PROXY if backend else "return 200 success;",
    )


def main(port: str, backend: str | None = None) -> None:
    directory = Path(tempfile.mkdtemp(prefix="bench-nginx-"))
    (directory / "nginx.conf").write_text(configuration(port, backend))
    os.execvp("nginx", ["nginx", "-p", str(directory), "-c", "nginx.conf", "-e", "stderr"])


if __name__ == "__main__":
    main(*sys.argv[1:])
