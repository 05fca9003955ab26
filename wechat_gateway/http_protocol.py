"""uvicorn's HTTP protocol with limits on how much a client may send, and how slowly.

nginx and Heroku's router have limits of their own. Without a proxy in front, a head that never ends
would fill the memory, and connections that send nothing would stay open forever.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

#: Bytes of a request line with its headers. A callback's query string may have 32 KB.
MAX_HEAD_SIZE = 65_536
#: Bytes of a request, trailers included. Each endpoint limits its body to less than this.
MAX_REQUEST_SIZE = 4 * 1_048_576
#: Seconds from the opening of a connection, or the first byte of a later request, to the end of the
#: head.
HEAD_DEADLINE = 10
#: Seconds from the end of the head to the end of the body.
BODY_DEADLINE = 30
#: Seconds in which a client must read what fills the buffers, or MIN_READ bytes of it, or the end
#: of a response.
WRITE_DEADLINE = 20
MIN_READ = 20_480
#: Connections of a process that may leave a part of their response unread at a time. The buffers of
#: the kernel hold small responses, and those of callbacks.
MAX_UNREAD = 32
#: Requests that a connection may send before the one ahead of them is answered. Each takes several
#: kilobytes until then, though it may have only 20 bytes.
MAX_PIPELINED = 8
#: Seconds for which a refused client may go on sending.
LINGER = 1
END_OF_HEAD = b"\r\n\r\n"
#: A request line that httptools refuses, such as one with a full-width “＆” as it was typed.
NON_ASCII_TARGET = re.compile(rb"[A-Z]{3,7} [^ \r\n]*[\x80-\xff]")
NON_ASCII_MESSAGE = (
    "The URL has characters that are not ASCII: percent-encode them, and join parameters with &."
)


class TooManyPipelined(Exception):
    """A client sends requests without waiting for answers."""


class LimitedProtocol(HttpToolsProtocol):
    """Closes connections that exceed a limit, and answers clients that close their half early."""

    #: The connections whose responses fill the buffers, the oldest first.
    unread_connections: ClassVar[dict[LimitedProtocol, None]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.is_head_complete = self.is_request_complete = self.is_refused = False
        self.size = 0  #: bytes of the current request so far
        self.tail = b""  #: the last bytes of an incomplete head, which may begin its end
        self.is_target_ascii = True
        self.read_timer: asyncio.TimerHandle | None = None
        self.write_timer: asyncio.TimerHandle | None = None
        self.active_cycle: RequestResponseCycle | None = None  #: the request that is answered now
        self.unread = 0  #: bytes in the buffer when the write timer was started
        self.limit_reading(HEAD_DEADLINE)
        if self.server and not self.client:  # a socket of the internet without a peer
            # The client has reset the connection. It gets no answer, and its attempt would be
            # recorded without an address.
            self.is_refused = True
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_read_timer()
        self.stop_write_timer()
        self.unread_connections.pop(self, None)
        self.forget_requests()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_refused:
            return
        if self.is_request_complete:
            self.is_head_complete = self.is_request_complete = False
            self.size = 0
        if not self.is_head_complete and self.is_head_too_large(data):
            self.refuse(431)
            return
        if not self.size:
            self.is_target_ascii = data.isascii() or not NON_ASCII_TARGET.match(data)
        self.size += len(data)
        if self.size > MAX_REQUEST_SIZE:
            self.refuse(413)
            return
        super().data_received(data)
        if self.is_request_complete:
            return
        if not self.is_head_complete:
            self.tail = data[1 - len(END_OF_HEAD) :]
        if self.read_timer is None:
            self.limit_reading(BODY_DEADLINE if self.is_head_complete else HEAD_DEADLINE)

    def is_head_too_large(self, data: bytes) -> bool:
        if self.size + len(data) <= MAX_HEAD_SIZE:
            return False
        tail = self.tail if self.size else b""
        end = (tail + data).find(END_OF_HEAD)
        return end < 0 or self.size - len(tail) + end + len(END_OF_HEAD) > MAX_HEAD_SIZE

    def on_message_begin(self) -> None:
        if self.is_request_complete:  # by bytes of the same chunk: a client that does not wait
            self.is_head_complete = self.is_request_complete = False
            self.size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.is_head_complete = True
        self.stop_read_timer()
        super().on_headers_complete()
        if len(self.pipeline) > MAX_PIPELINED:
            self.is_refused = True
            self.abort()
            raise TooManyPipelined  # so that the parser reads nothing more of this chunk

    def on_message_complete(self) -> None:
        self.is_request_complete = True
        self.stop_read_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline or self.flow.write_paused:
            self.flow.pause_reading()
        if self.write_timer is None and self.transport.get_write_buffer_size():
            self.limit_writing()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.limit_writing()
        self.unread_connections[self] = None
        if len(self.unread_connections) > MAX_UNREAD:
            oldest = next(iter(self.unread_connections))
            del self.unread_connections[oldest]
            oldest.abort()

    def resume_writing(self) -> None:
        self.stop_write_timer()
        self.unread_connections.pop(self, None)
        super().resume_writing()
        if not self.pipeline:
            self.flow.resume_reading()

    def send_400_response(self, msg: str) -> None:
        if not self.is_refused:
            super().send_400_response(msg if self.is_target_ascii else NON_ASCII_MESSAGE)

    def eof_received(self) -> Any:
        """Keep the connection until a complete request is answered.

        A client may close its half after its request, and still read the answer.
        """
        if not self.is_request_complete or self.is_refused or self.cycle.response_complete:
            return False
        self.cycle.keep_alive = False
        return True

    def refuse(self, status: int) -> None:
        """Answer with an error, unless the response has begun, and close the connection.

        What the client still sends is discarded for a while: closing at once would reset the
        connection, and lose the answer.
        """
        is_answering = self.cycle is not None and (
            self.cycle.response_started
            if self.is_head_complete
            else not self.cycle.response_complete  # of the request before this one
        )
        if not is_answering and not self.transport.is_closing():
            head = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head)
            self.transport.write_eof()
        if self.is_head_complete:
            self.cycle.disconnected = True  # drops what the application still sends
            self.cycle.message_event.set()
        self.is_refused = True
        self.stop_read_timer()
        self.limit_reading(LINGER)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.active_cycle = cycle
        super()._start_asgi_task(cycle, app)

    def abort(self) -> None:
        self.forget_requests()
        self.transport.abort()

    def forget_requests(self) -> None:
        """Drop what the application still sends. uvicorn drops only that of the last request."""
        self.pipeline.clear()
        if self.active_cycle is not None:
            self.active_cycle.disconnected = True
            self.active_cycle.message_event.set()

    def limit_reading(self, seconds: float) -> None:
        self.read_timer = self.loop.call_later(seconds, self.end_reading)

    def end_reading(self) -> None:
        """Close a connection whose request is not complete in time."""
        self.read_timer = None
        if self.size and not self.is_request_complete and not self.is_refused:
            self.refuse(408)
        else:
            self.transport.close()

    def limit_writing(self) -> None:
        self.stop_write_timer()
        self.unread = self.transport.get_write_buffer_size()
        self.write_timer = self.loop.call_later(WRITE_DEADLINE, self.end_writing)

    def end_writing(self) -> None:
        """Abort a connection whose client does not read, or too slowly."""
        self.write_timer = None
        left = self.transport.get_write_buffer_size()
        if left and self.unread - left < MIN_READ:
            self.abort()
        elif left:
            self.limit_writing()

    def stop_read_timer(self) -> None:
        if self.read_timer is not None:
            self.read_timer.cancel()
            self.read_timer = None

    def stop_write_timer(self) -> None:
        if self.write_timer is not None:
            self.write_timer.cancel()
            self.write_timer = None
