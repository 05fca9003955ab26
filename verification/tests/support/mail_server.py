"""A mail server that accepts or refuses every mail."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        self.mails: list[EmailMessage] = []
        self.is_refusing = False


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("MailServer", self.server)
        self.say("220 mail.example.cn")
        while line := self.rfile.readline():
            word = line.split()[0].upper()
            if word == b"MAIL" and server.is_refusing:
                self.say("550 hunter2 may not send from here")
            elif word == b"DATA":
                self.say("354 continue")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                server.mails.append(message_from_bytes(text, policy=default))
                self.say("250 accepted")
            else:
                self.say("221 bye" if word == b"QUIT" else "250 ok")

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
