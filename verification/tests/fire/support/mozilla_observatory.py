"""Scores pages by the published rules of the Mozilla HTTP Observatory: ten tests and their points.

The sources are "Tests & Scoring" at developer.mozilla.org/observatory and the scanner's table of
2025. Exceptions for nonces, hashes, policies in <meta> and the preload list are left out, because
the gateway uses none of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message
from http.cookies import Morsel, SimpleCookie
from urllib.parse import urlsplit

SIX_MONTHS = 15_768_000
MODIFIERS = {
    "csp-implemented-with-no-unsafe-default-src-none": 10,
    "csp-implemented-with-no-unsafe": 5,
    "csp-implemented-with-unsafe-inline-in-style-src-only": 0,
    "csp-implemented-with-insecure-scheme-in-passive-content-only": -10,
    "csp-implemented-with-unsafe-eval": -10,
    "csp-implemented-with-insecure-scheme": -20,
    "csp-implemented-with-unsafe-inline": -20,
    "csp-not-implemented": -25,
    "cookies-secure-with-httponly-sessions-and-samesite": 5,
    "cookies-secure-with-httponly-sessions": 0,
    "cookies-not-found": 0,
    "cookies-without-secure-flag-but-protected-by-hsts": -5,
    "cookies-session-without-secure-flag-but-protected-by-hsts": -10,
    "cookies-without-secure-flag": -20,
    "cookies-samesite-flag-invalid": -20,
    "cookies-anticsrf-without-samesite-flag": -20,
    "cookies-session-without-httponly-flag": -30,
    "cookies-session-without-secure-flag": -40,
    "cross-origin-resource-sharing-not-implemented": 0,
    "cross-origin-resource-sharing-implemented-with-public-access": 0,
    "cross-origin-resource-sharing-implemented-with-restricted-access": 0,
    "cross-origin-resource-sharing-implemented-with-universal-access": -50,
    "redirection-to-https": 0,
    "redirection-off-host-from-http": -5,
    "redirection-not-to-https": -20,
    "redirection-missing": -20,
    "referrer-policy-private": 5,
    "referrer-policy-not-implemented": 0,
    "referrer-policy-unsafe": -5,
    "referrer-policy-header-invalid": -5,
    "hsts-implemented-max-age-at-least-six-months": 0,
    "hsts-implemented-max-age-less-than-six-months": -10,
    "hsts-not-implemented": -20,
    "hsts-header-invalid": -20,
    "sri-implemented-and-all-scripts-loaded-securely": 5,
    "sri-implemented-and-external-scripts-loaded-securely": 5,
    "sri-not-implemented-but-all-scripts-loaded-from-secure-origin": 0,
    "sri-not-implemented-but-no-scripts-loaded": 0,
    "sri-not-implemented-but-external-scripts-loaded-securely": -5,
    "sri-implemented-but-external-scripts-not-loaded-securely": -20,
    "sri-not-implemented-and-external-scripts-not-loaded-securely": -50,
    "x-content-type-options-nosniff": 0,
    "x-content-type-options-not-implemented": -5,
    "x-content-type-options-header-invalid": -5,
    "x-frame-options-implemented-via-csp": 5,
    "x-frame-options-sameorigin-or-deny": 0,
    "x-frame-options-allow-from-origin": 0,
    "x-frame-options-not-implemented": -20,
    "x-frame-options-header-invalid": -20,
    "corp-implemented-with-same-origin": 10,
    "corp-implemented-with-same-site": 10,
    "corp-implemented-with-cross-origin": 0,
    "corp-not-implemented": 0,
    "corp-header-invalid": -5,
}
BROAD = {"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"}
INLINE = {"'unsafe-inline'", "data:"}
PASSIVE = {"img-src", "media-src"}
PRIVATE_REFERRER = {
    *("no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"),
}
UNSAFE_REFERRER = {"origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade"}


@dataclass(frozen=True)
class Page:
    """A page fetched over https with a foreign Origin, and the redirects from its http address."""

    url: str
    headers: Message
    body: str = ""
    #: The locations that plain http redirects to, one after the other.
    redirects: list[str] = field(default_factory=list)

    def header(self, name: str) -> str:
        return ", ".join(self.headers.get_all(name, [])).strip()


def results(page: Page) -> list[str]:
    return [
        content_security_policy(page),
        cookies(page),
        cross_origin_resource_sharing(page),
        redirection(page),
        referrer_policy(page),
        strict_transport_security(page),
        subresource_integrity(page),
        content_type_options(page),
        frame_options(page),
        cross_origin_resource_policy(page),
    ]


def score(results: list[str]) -> int:
    """Return the points; bonuses count only for a page that has 90 points without them."""
    modifiers = [MODIFIERS[result] for result in results]
    points = 100 + sum(modifier for modifier in modifiers if modifier < 0)
    bonuses = sum(modifier for modifier in modifiers if modifier > 0)
    return max(points + (bonuses if points >= 90 else 0), 0)


# --- Content-Security-Policy


def directives(page: Page) -> dict[str, set[str]]:
    parts = [part.split() for part in page.header("Content-Security-Policy").split(";")]
    return {part[0].lower(): {source.lower() for source in part[1:]} for part in parts if part}


def content_security_policy(page: Page) -> str:
    policy = directives(page)
    if not policy:
        return "csp-not-implemented"
    default = policy.get("default-src", {"*"})
    scripts, objects, styles = (
        policy.get(name, default) for name in ("script-src", "object-src", "style-src")
    )
    active = set[str]().union(*(policy[name] for name in policy.keys() - PASSIVE))
    passive = set[str]().union(*(policy.get(name, default) for name in PASSIVE))
    if scripts & (BROAD | INLINE) or objects & BROAD:
        return "csp-implemented-with-unsafe-inline"
    if has_insecure_scheme(active):
        return "csp-implemented-with-insecure-scheme"
    if "'unsafe-eval'" in scripts | styles:
        return "csp-implemented-with-unsafe-eval"
    if has_insecure_scheme(passive):
        return "csp-implemented-with-insecure-scheme-in-passive-content-only"
    if styles & (BROAD | INLINE):
        return "csp-implemented-with-unsafe-inline-in-style-src-only"
    suffix = "-default-src-none" if default == {"'none'"} else ""
    return f"csp-implemented-with-no-unsafe{suffix}"


def has_insecure_scheme(sources: set[str]) -> bool:
    return any(source.startswith(("http:", "ftp:")) for source in sources)


# --- Cookies


def cookies(page: Page) -> str:
    jar = SimpleCookie()
    for line in page.headers.get_all("Set-Cookie", []):
        jar.load(line)
    if not jar:
        return "cookies-not-found"
    has_hsts = strict_transport_security(page).startswith("hsts-implemented-max-age-at-least")
    worst = max((worst_flaw(cookie, has_hsts=has_hsts) for cookie in jar.values()), key=penalty)
    if worst:
        return worst
    suffix = "-and-samesite" if all(cookie["samesite"] for cookie in jar.values()) else ""
    return f"cookies-secure-with-httponly-sessions{suffix}"


def penalty(result: str) -> int:
    return -MODIFIERS[result] if result else 0


def worst_flaw(cookie: Morsel[str], *, has_hsts: bool) -> str:
    """Return the result with the highest penalty, or an empty string without a flaw."""
    name, same_site = cookie.key.lower(), cookie["samesite"].lower()
    is_session = "login" in name or "sess" in name
    kind = "cookies-session" if is_session else "cookies"
    flaws = [""]
    if not cookie["secure"]:
        protected = "-but-protected-by-hsts" if has_hsts else ""
        flaws.append(f"{kind}-without-secure-flag{protected}")
    if is_session and not cookie["httponly"]:
        flaws.append("cookies-session-without-httponly-flag")
    if "csrf" in name and not same_site:
        flaws.append("cookies-anticsrf-without-samesite-flag")
    if same_site not in {"", "lax", "strict", "none"} or (
        same_site == "none" and not cookie["secure"]
    ):
        flaws.append("cookies-samesite-flag-invalid")
    return max(flaws, key=penalty)


# --- Other headers


def cross_origin_resource_sharing(page: Page) -> str:
    allowed = page.header("Access-Control-Allow-Origin")
    prefix = "cross-origin-resource-sharing"
    if not allowed:
        return f"{prefix}-not-implemented"
    if allowed == "*":
        return f"{prefix}-implemented-with-public-access"
    with_credentials = page.header("Access-Control-Allow-Credentials").lower() == "true"
    reach = "universal" if with_credentials else "restricted"
    return f"{prefix}-implemented-with-{reach}-access"


def redirection(page: Page) -> str:
    hops = [urlsplit(hop) for hop in page.redirects]
    if not hops:
        return "redirection-missing"
    if {hops[0].scheme, hops[-1].scheme} != {"https"}:
        return "redirection-not-to-https"
    is_same = hops[0].hostname == urlsplit(page.url).hostname
    return "redirection-to-https" if is_same else "redirection-off-host-from-http"


def referrer_policy(page: Page) -> str:
    header = page.header("Referrer-Policy").lower()
    if not header:
        return "referrer-policy-not-implemented"
    known = [
        part.strip()
        for part in header.split(",")
        if part.strip() in PRIVATE_REFERRER | UNSAFE_REFERRER
    ]
    if not known:
        return "referrer-policy-header-invalid"
    return "referrer-policy-private" if known[-1] in PRIVATE_REFERRER else "referrer-policy-unsafe"


def strict_transport_security(page: Page) -> str:
    header = page.header("Strict-Transport-Security").lower()
    if not header:
        return "hsts-not-implemented"
    age = re.search(r"(?:^|;)\s*max-age=\"?(\d+)", header)
    if age is None:
        return "hsts-header-invalid"
    length = "at-least" if int(age[1]) >= SIX_MONTHS else "less-than"
    return f"hsts-implemented-max-age-{length}-six-months"


def subresource_integrity(page: Page) -> str:
    scripts = [tag for tag in re.findall(r"<script\b[^>]*>", page.body) if "src=" in tag]
    if "<script" not in page.body:
        return "sri-not-implemented-but-no-scripts-loaded"
    foreign = [tag for tag in scripts if re.search(r"src=[\"']?(https?:)?//", tag)]
    insecure = [tag for tag in foreign if not re.search(r"src=[\"']?https:", tag)]
    bare = [tag for tag in foreign if "integrity=" not in tag]
    if insecure:
        how = "not-implemented-and" if set(insecure) & set(bare) else "implemented-but"
        return f"sri-{how}-external-scripts-not-loaded-securely"
    if bare:
        return "sri-not-implemented-but-external-scripts-loaded-securely"
    if foreign:
        return "sri-implemented-and-external-scripts-loaded-securely"
    if any("integrity=" in tag for tag in scripts):
        return "sri-implemented-and-all-scripts-loaded-securely"
    return "sri-not-implemented-but-all-scripts-loaded-from-secure-origin"


def content_type_options(page: Page) -> str:
    header = page.header("X-Content-Type-Options").lower()
    if not header:
        return "x-content-type-options-not-implemented"
    return f"x-content-type-options-{'nosniff' if header == 'nosniff' else 'header-invalid'}"


def frame_options(page: Page) -> str:
    if "frame-ancestors" in directives(page):
        return "x-frame-options-implemented-via-csp"
    header = page.header("X-Frame-Options").lower()
    if not header:
        return "x-frame-options-not-implemented"
    if header in {"deny", "sameorigin"}:
        return "x-frame-options-sameorigin-or-deny"
    is_old = header.startswith("allow-from")
    return f"x-frame-options-{'allow-from-origin' if is_old else 'header-invalid'}"


def cross_origin_resource_policy(page: Page) -> str:
    header = page.header("Cross-Origin-Resource-Policy").lower()
    if not header:
        return "corp-not-implemented"
    if header in {"same-origin", "same-site", "cross-origin"}:
        return f"corp-implemented-with-{header}"
    return "corp-header-invalid"
