"""Causes that the shape of a path, query string or signature shows: see protocol/shapes.py."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.diagnosis.advice import stranger_tried
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.mistake_causes import place_of
from verification.diagnosis.names import join_sentences
from verification.protocol.enums import Reason
from verification.protocol.request import SIGNATURES
from verification.protocol.shapes import Shape

#: A parameter in a path. The path may be cut off, and has a “?” for each byte that is not ASCII.
PARAMETERS = re.compile(r"&|(?:signature|echostr|timestamp|nonce)=|\?[a-z_]*~$")
#: The file that WeChat's console gives for JS-SDK, web login and business domains.
DOMAIN_FILE = re.compile(r"(?:MP|WW)_verify_[0-9A-Za-z]{4,32}\.txt")
OTHER_DIGESTS = {
    Shape.SHA224: "SHA-224",
    Shape.SHA256: gettext_lazy("SHA-256 or SM3"),
    Shape.SHA384: "SHA-384",
    Shape.SHA512: "SHA-512",
}
IN_SCRIPT = gettext_lazy("Correct the URL in the script or tool that sent it.")
#: What happened to a query string of each shape, and what to do.
QUERY_TEXTS = {
    Shape.HTML_ENTITY: (
        gettext_lazy(
            "The parameters were joined by &amp; instead of &: the URL was copied from HTML."
        ),
        gettext_lazy("Replace each &amp; by & in the script or tool that sent it."),
    ),
    Shape.TIMES_SIGN: (
        gettext_lazy(
            "It had “×tamp” instead of “&timestamp”: an HTML page or editor took &times for "
            "the sign ×."
        ),
        gettext_lazy(
            "Write &timestamp again in the script or tool that sent it, or &amp;timestamp in HTML."
        ),
    ),
    Shape.SECOND_QUESTION_MARK: (
        gettext_lazy(
            "The query string had a second “?” where an & belongs, so a parameter was not found."
        ),
        gettext_lazy(
            "Enter the server URL without a “?” and anything after it into the console or "
            "script. A script joins further parameters with &."
        ),
    ),
    Shape.ENCODED: (
        gettext_lazy(
            "The query string was percent-encoded as a whole, or twice (%26, %3D or %25 in it)."
        ),
        gettext_lazy("Encode only each value, once, in the script, tool or proxy that sent it."),
    ),
    Shape.ESCAPED: (
        gettext_lazy("The parameters were joined by \\& or \\u0026 instead of &."),
        gettext_lazy("Remove the backslashes and escapes in the script or tool that sent it."),
    ),
    Shape.OTHER_SEPARATOR: (
        gettext_lazy("The parameters were joined by another sign than &, such as ; or a comma."),
        IN_SCRIPT,
    ),
    Shape.UNREADABLE: (
        gettext_lazy(
            "The names of WeChat's parameters arrived, but not as name=value, joined by &."
        ),
        IN_SCRIPT,
    ),
    Shape.JSON: (
        gettext_lazy("The parameters came as JSON, not as signature=…&timestamp=…&nonce=…."),
        IN_SCRIPT,
    ),
    Shape.ARRAY: (
        gettext_lazy(
            "A parameter came as an array, such as signature[]=…; WeChat sends plain names."
        ),
        IN_SCRIPT,
    ),
    Shape.PLACEHOLDER: (
        gettext_lazy(
            "A parameter was a placeholder, markup or an empty variable, such as {signature} or "
            "undefined."
        ),
        gettext_lazy("Let the script or tool put in the value."),
    ),
    Shape.QUOTED_PRINTABLE: (
        gettext_lazy(
            "Each value began with 3D: the URL was copied from the source of an e-mail, which "
            "has =3D for =."
        ),
        gettext_lazy("Copy the URL from the e-mail as it is shown, or replace each =3D by =."),
    ),
    Shape.MASKED: (
        gettext_lazy(
            "A value was a mask, such as [FILTERED] or ***: the URL was copied from a log or "
            "page that hides it."
        ),
        gettext_lazy("This URL cannot be used again: let the script or tool make a new request."),
    ),
    Shape.PUNCTUATION: (
        gettext_lazy(
            "A value ended with Chinese punctuation, such as “。”, which stood behind the URL "
            "that was copied."
        ),
        gettext_lazy("Copy the URL without the punctuation into the script or tool that sent it."),
    ),
    Shape.OTHER_NAME: (
        gettext_lazy(
            "A parameter had another name than WeChat's, such as Signature or sign. They are "
            "signature, timestamp, nonce and echostr, in small letters."
        ),
        IN_SCRIPT,
    ),
}


def domain_file(evidence: Evidence) -> Explanation | None:
    """Recognize WeChat's check of a domain, which reads a file and calls no server URL."""
    name = evidence.attempt.path.rpartition("/")[2]
    if not evidence.is_refused_for(Reason.MISSING_PARAMETER) or not DOMAIN_FILE.fullmatch(name):
        return None
    return Explanation(
        _("file of a domain check"),
        _(
            "Somebody asked for “{name}”, with which WeChat checks that a domain is yours. This is "
            "no check of a server URL."
        ).format(name=name),
        _(
            "If you added the domain in WeChat's console, let the web server in front of this one "
            "answer this path with the file from the console. This server has no files."
        ),
    )


def browser_redirect(evidence: Evidence) -> Explanation | None:
    """Recognize a browser that comes back from a sign-in, with a code for a web page."""
    if evidence.shape is not Shape.REDIRECT:
        return None
    return Explanation(
        _("redirect of a web login"),
        _(
            "A browser came back from a web login (网页授权) with code and state. This is no check "
            "of WeChat's servers and no message."
        ),
        _(
            "If a web page or menu of yours has this URL as redirect_uri, let it have the address "
            "of your website: this server has no pages for users. Change nothing in the "
            "console because of it."
        ),
        is_harmless=True,
    )


def path_with_parameters(evidence: Evidence) -> Explanation | None:
    """Recognize parameters that came in the path, because the “?” before them is missing."""
    slug = evidence.attempt.path_slug
    if not evidence.is_refused_for(Reason.MISSING_PARAMETER, Reason.UNKNOWN_ACCOUNT):
        return None
    if not PARAMETERS.search(slug):
        return None
    return Explanation(
        _("parameters in the path"),
        _(
            "The parameters were part of the path “{path}”: the “?” between the server URL and "
            "them is missing, or was percent-encoded as %3F."
        ).format(path=evidence.attempt.path),
        _(
            "Correct the script, tool or proxy that made this URL, or the server URL in the "
            "console: it ends with the slug, and the parameters follow a plain “?”."
        ),
    )


def query_mangled(evidence: Evidence) -> Explanation | None:
    """Recognize a query string that somebody or something has mangled."""
    if not evidence.is_refused_for(
        Reason.MISSING_PARAMETER, Reason.REPEATED_PARAMETER, Reason.MALFORMED_PARAMETER
    ):
        return None
    if evidence.shape not in QUERY_TEXTS:
        return None
    happened, to_do = map(str, QUERY_TEXTS[evidence.shape])
    proxy = _("If WeChat sent it, let the proxy in front of this server leave it as it is.")
    advice = [proxy, to_do] if evidence.is_wechats else [to_do, proxy]
    return Explanation(
        _("query string mangled"),
        join_sentences(happened, place_of(evidence, ())),
        join_sentences(*advice, stranger_tried()),
    )


def signature_malformed(evidence: Evidence) -> Explanation | None:
    """Recognize what a malformed signature is: another digest, or another spelling of it."""
    is_malformed = evidence.is_refused_for(Reason.MALFORMED_PARAMETER)
    if not is_malformed or evidence.parameter not in SIGNATURES or evidence.shape is None:
        return None
    happened, to_do = describe_signature(evidence.shape)
    return Explanation(
        _("signature in another form"),
        join_sentences(happened, place_of(evidence, ())),
        join_sentences(to_do, stranger_tried()),
    )


def describe_signature(shape: Shape) -> tuple[str, str]:
    """Return what a signature of this shape is, and what to do."""
    if shape in OTHER_DIGESTS:
        return (
            _("By its length, the signature is {digest} in hexadecimal; WeChat uses SHA-1.").format(
                digest=OTHER_DIGESTS[shape]
            ),
            _("If a script or tool of yours sent it, use SHA-1 there."),
        )
    happened = {
        Shape.BASE64: _("The signature is in base64; WeChat's is in hexadecimal."),
        Shape.UPPER_CASE: _("The signature has capital letters; WeChat's has small letters only."),
        Shape.SPACES: _(
            "The signature has a space, a line break or a separator before, after or in it."
        ),
        Shape.QUOTED: _("The signature is in quotation marks or brackets."),
        Shape.SURROUNDED: _("The signature has other text around it, such as sha1= or 0x."),
        Shape.MD5: _("By its length, the signature is MD5 in hexadecimal, or was cut off."),
        Shape.TWICE: _("The signature was sent twice in one value."),
        Shape.INCOMPLETE: _(
            "The signature is incomplete: it has fewer than 40 digits. Either it was cut off, or "
            "the URL was, when it was copied."
        ),
        Shape.ONE_SHORT: _(
            "The signature has 39 digits in place of 40: a leading zero was lost when it was "
            "written as a number, or it was cut off."
        ),
        Shape.EMPTY: _("The signature was empty."),
    }
    return happened.get(shape, _("The signature is not one of WeChat's.")), _(
        "If a script or tool of yours sent it, let it send the SHA-1 as 40 hexadecimal digits in "
        "small letters, and nothing else. If WeChat sent it, check which proxy in front of this "
        "server changes the query string."
    )
