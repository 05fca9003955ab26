"""A fake of WeCom's webhook of a group robot, which can be set to fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

KEY = "693a91f6-7c1d-4bc4-97a0-0ec2sifa5aaa"
OK = '{"errcode":0,"errmsg":"ok"}'


class Robot(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/cgi-bin/webhook/send?key={KEY}"
        self.reset()

    def reset(self) -> None:
        self.received: list[str] = []  #: the texts of the messages
        self.status, self.answer = 200, OK
        self.delay = 0.0  #: seconds before each byte of the answer


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        robot = cast("Robot", self.server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path.endswith(f"?key={KEY}")
        assert body["msgtype"] == "text"
        if robot.status == 200 and robot.answer == OK:
            robot.received.append(body["text"]["content"])
        with suppress(OSError):  # The client has disconnected.
            self.send_response(robot.status)
            self.send_header("Content-Length", str(len(robot.answer)))
            self.end_headers()
            for letter in robot.answer:
                time.sleep(robot.delay)
                self.wfile.write(letter.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_robot() -> Iterator[Robot]:
    with Robot() as robot:
        thread = threading.Thread(target=robot.serve_forever, args=[0.01])
        thread.start()
        try:
            yield robot
        finally:
            robot.shutdown()
            thread.join()
