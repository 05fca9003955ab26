"""Parse the body of a message push, which is XML or a JSON object.

Only what the gateway itself needs is read; the body is passed on as it came.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError


class Message(NamedTuple):
    """Holds fields of a message: printable ASCII of limited length, empty if absent."""

    to_user: str = ""
    from_user: str = ""
    create_time: str = ""
    msg_type: str = ""
    event: str = ""
    msg_id: str = ""
    encrypt: str = ""

    def __repr__(self) -> str:
        """Leave out who wrote, because it may reach a log in a traceback."""
        return f"Message(msg_type={self.msg_type!r}, event={self.event!r})"


class MalformedMessage(ValueError):
    """The body is neither XML nor JSON as WeChat sends it. Nothing of it is part of the text."""


class Field(NamedTuple):
    name: str
    #: Generous: an OpenID has 28 characters, a MsgId at most 20. Encrypt is bounded by the body.
    max_length: int


#: By the names in XML and JSON. The MsgID of some events is not among them: it is the number of the
#: template or mass message that they report on, so two events may have the same.
FIELDS = {
    "ToUserName": Field("to_user", 64),
    "FromUserName": Field("from_user", 64),
    "CreateTime": Field("create_time", 20),
    "MsgType": Field("msg_type", 64),
    "Event": Field("event", 128),
    "MsgId": Field("msg_id", 64),
    "Encrypt": Field("encrypt", 1_048_576),
}
PRINTABLE = re.compile(r"[\x20-\x7e]*")
BLANKS = b" \t\r\n"
#: Characters that XML cannot hold. WeChat leaves them in what followers write, inside of CDATA.
CONTROL_CHARACTERS = bytes({*range(0x20)} - {*BLANKS})
#: Far more than in any message. Each costs microseconds, and a megabyte holds 260,000. It bounds
#: the attributes and lines of XML and the members of JSON as well, by the characters between them.
MAX_ELEMENTS = 5_000


def parse_message(body: bytes) -> Message:
    """Return the fields of a message. Raises MalformedMessage, and no other exception.

    The first character decides whether it is XML or JSON, because WeChat sends the Content-Type
    text/xml for both.
    """
    body = body.lstrip(BLANKS)
    separators = (b"=", b"\n", b"\r") if body.startswith(b"<") else (b",",)
    if any(body.count(separator) > MAX_ELEMENTS for separator in separators):
        raise MalformedMessage("The body has too many attributes, lines or members.")
    if body.startswith(b"<"):
        return Message(**parse_xml(body))
    if body.startswith(b"{"):
        return Message(**parse_json(body))
    raise MalformedMessage("The body is neither XML nor a JSON object.")


def parse_push(body: bytes) -> Message:
    """Return the fields of a message of WeChat's, which may have characters that XML cannot hold.

    They are read as if they were not there, which is what tolerant backends do: otherwise one could
    hide a DTD from this server. Raises MalformedMessage.
    """
    return parse_message(body.translate(None, CONTROL_CHARACTERS))


def parse_xml(body: bytes) -> dict[str, str]:
    """Return the fields among the children of the root, which is <xml>.

    A DTD is forbidden, and with it every entity but the five of XML.
    """
    target = MessageTarget()
    # The encoding overrides the one that the XML declares, which require_utf_8() checks.
    parser = DefusedXMLParser(target=target, encoding="utf-8", forbid_dtd=True)
    expat = parser.parser
    expat.XmlDeclHandler = require_utf_8
    # ElementTree's handlers of names, attributes and comments are not needed. Without them, a push
    # takes a quarter less time, and a megabyte of comments a tenth.
    expat.StartElementHandler, expat.EndElementHandler = target.start, target.end
    expat.DefaultHandlerExpand = None
    try:
        parser.feed(body)
        parser.close()
    except (ParseError, DefusedXmlException):
        raise MalformedMessage("The XML is invalid or has a DTD.") from None
    return target.fields


def require_utf_8(_version: str, encoding: str | None, _standalone: int) -> None:
    """Refuse another encoding: a backend would read other characters than this server."""
    if encoding is not None and encoding.lower() != "utf-8":
        raise MalformedMessage("The XML is not encoded in UTF-8.")


class MessageTarget:
    """Collects the fields while the XML is parsed, without building a tree."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.depth = 0
        self.elements = 0
        self.name: str | None = None  #: of the field that is being read
        self.text: list[str] = []

    def start(self, tag: str, _attributes: object) -> None:
        self.depth += 1
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise MalformedMessage("The XML has too many elements.")
        if self.depth == 1 and tag != "xml":
            raise MalformedMessage("The root element is not <xml>.")
        if self.depth == 2 and "}" in tag:
            # Some backends ignore namespaces, and would take this for a field.
            raise MalformedMessage("An element has a namespace.")
        if self.depth == 2 and tag in FIELDS:
            self.name = tag
            self.text = []
        elif self.name is not None:
            raise MalformedMessage(f"{self.name} has child elements.")

    def data(self, text: str) -> None:
        if self.name is not None:
            self.text.append(text)

    def end(self, _tag: str) -> None:
        self.depth -= 1
        if self.name is not None:
            add_field(self.fields, self.name, "".join(self.text))
            self.name = None

    def close(self) -> None:
        pass


def parse_json(body: bytes) -> dict[str, str]:
    """Return the fields among the members of a JSON object."""
    try:
        # Objects become tuples of pairs, to find repeated names; arrays become lists. Integers
        # stay text: a MsgId is one, and the conversion of a long one takes quadratic time.
        members: Any = json.loads(
            body.decode(), object_pairs_hook=tuple, parse_int=str, parse_constant=refuse_constant
        )
    except (ValueError, RecursionError):
        # The exceptions of json contain the whole body.
        raise MalformedMessage("The JSON is invalid.") from None
    fields: dict[str, str] = {}
    for name, value in members:
        if name in FIELDS and value is not None:
            if not isinstance(value, str):
                raise MalformedMessage(f"{name} is neither a string nor an integer.")
            add_field(fields, name, value)
    return fields


def refuse_constant(_constant: str) -> None:
    """Refuse NaN and Infinity, which Python accepts although they are not JSON."""
    raise MalformedMessage("The JSON is invalid.")


def add_field(fields: dict[str, str], tag: str, value: str) -> None:
    """Add a field, without the white space around it.

    A repeated one is refused, because backends disagree: PHP's take the first one, Go's and those
    that read JSON the last one, Python's and Node's a list.
    """
    name, max_length = FIELDS[tag]
    if name in fields:
        raise MalformedMessage(f"{tag} is repeated.")
    value = value.strip(BLANKS.decode())
    if len(value) > max_length or not PRINTABLE.fullmatch(value):
        raise MalformedMessage(f"{tag} is too long or has invalid characters.")
    fields[name] = value
