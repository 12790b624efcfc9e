"""What the small things of a policy must look like: names, domains, paths, hosts, markers.

Each function takes one text and returns what is wrong with it, a ``Fault``, or None.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import NamedTuple
from urllib.parse import urlsplit

from .mistakes import Id, quote


class Fault(NamedTuple):
    """Why a text will not do, and what would."""

    id: Id
    reason: str
    suggestion: str = ""


UNDECLARED = "undeclared"
"""What pages call something of nobody's (html.UNDECLARED), so that no category may be called that."""

# RFC 6265bis, section 5.7: name and value together are at most 4096 octets, so no longer name is ever stored.
_LONGEST_NAME = 4096
_CATEGORY = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_SERVICE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_HOST_OF_SCRIPT = re.compile(r"[^/?]*")
# Shorter than the shortest marker in real use (``_paq``), a literal is found in any script.
_SHORTEST_MARKER = 4


def fault_of_category(name: str) -> Fault | None:
    if name == UNDECLARED:
        reason = f"{quote(name)} stands for what no category declares"
        return Fault(Id.CATEGORY_NAME, reason, "give the category another name")
    if _CATEGORY.fullmatch(name):
        return None
    reason = f"{quote(name)} is not a name for a category"
    return Fault(Id.CATEGORY_NAME, reason, "use up to 40 lower-case letters, digits, dashes and underscores")


def fault_of_service_id(id: str) -> Fault | None:
    if _SERVICE.fullmatch(id):
        return None
    return Fault(Id.SERVICE_ID, f"{quote(id)} is not an id", 'use lower-case words with dashes, like "own-stats"')


def fault_of_pattern(pattern: str) -> Fault | None:
    """Judge a name that may end in an asterisk, of a cookie or of a storage key."""
    if pattern == "*":
        return Fault(Id.WILDCARD, '"*" matches everything', "name what it stands for")
    if "*" in pattern[:-1]:
        reason = f"{quote(pattern)} has an asterisk that is not its end"
        return Fault(Id.WILDCARD, reason, f"did you mean {quote(pattern[: pattern.index('*') + 1])}?")
    return None


def fault_of_cookie_name(name: str) -> Fault | None:
    """Judge a cookie's name as RFC 6265bis, section 5.6 reads it from the wire."""
    if name != name.strip(" \t"):
        return Fault(Id.COOKIE_NAME, f"{quote(name)} has spaces around it", f"write {quote(name.strip())}")
    if "=" in name or ";" in name:
        sign = "=" if "=" in name else ";"
        return Fault(Id.COOKIE_NAME, f"{quote(name)} contains {quote(sign)}, where every browser ends the name")
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in name):
        return Fault(Id.COOKIE_NAME, f"{quote(name)} contains a control character, which no browser stores")
    if not name.isascii():
        reason = f"{quote(name)} is not ASCII, so its bytes on the wire depend on who writes them"
        return Fault(Id.COOKIE_NAME, reason, "use the name as it appears in the Cookie header")
    if len(name) > _LONGEST_NAME:
        return Fault(Id.COOKIE_NAME, f"{quote(name)} is longer than the {_LONGEST_NAME} bytes that browsers store")
    return fault_of_pattern(name)


def fault_of_domain(domain: str) -> Fault | None:
    """Judge the domain of a cookie. A leading dot means nothing (RFC 6265bis, section 5.6.3)."""
    bare = domain.lower().removeprefix(".")
    if re.search(r"[:/@?#]", domain):
        host = _host_of(domain)
        hint = f"write {quote(host)}" if host and host != bare else "write the host alone"
        return Fault(Id.DOMAIN, f"{quote(domain)} is not a domain", hint)
    if not bare.isascii():
        return Fault(Id.DOMAIN, f"{quote(domain)} is not ASCII", 'write it in its "xn--" form')
    labels = bare.split(".")
    if len(bare) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return Fault(Id.DOMAIN, f"{quote(domain)} is not a domain")
    if labels[-1].isdigit():
        return Fault(Id.DOMAIN, f"{quote(domain)} is an address, and only names have domain cookies")
    if len(labels) == 1:
        reason = f"{quote(domain)} is a top-level domain or a bare host, for which browsers refuse domain cookies"
        return Fault(Id.DOMAIN, reason, f'write the whole name, like "example.{bare}"')
    return None


def fault_of_path(path: str) -> Fault | None:
    if not path.startswith("/"):
        reason = f"{quote(path)} does not start with a slash, and browsers then use another path"
        return Fault(Id.PATH, reason, f"write {quote('/' + path.strip())}")
    if ";" in path or not (path.isascii() and path.isprintable()) or path != path.strip():
        return Fault(Id.PATH, f"{quote(path)} cannot stand in a Set-Cookie line", "percent-encode it")
    return None


def fault_of_script(script: str) -> Fault | None:
    """Judge a host, or a host and the beginning of a path. A host covers its sub-domains."""
    if not (script.isascii() and script.isprintable()) or " " in script:
        return Fault(Id.SCRIPT, f"{quote(script)} is not a host and a path", "write them as they stand in a URL")
    if "://" in script or script.startswith("//"):
        reason = f"{quote(script)} has a scheme, and the rule is for all of them"
        return Fault(Id.SCRIPT, reason, f"write {quote(script.partition('//')[2])}")
    host = re.split(r"[/?]", script.lower(), maxsplit=1)[0]
    if host.startswith("*."):
        return Fault(Id.SCRIPT, f"{quote(script)} has an asterisk", f"write {quote(script[2:])}, it covers sub-domains")
    if host != "localhost" and not _is_ipv4(host) and (host.startswith(".") or fault_of_domain(host)):
        reason = f"{quote(script)} does not begin with a host"
        return Fault(Id.SCRIPT, reason, 'write a host like "stats.example.org", or one and a path')
    return None


def normal_script(script: str) -> str:
    """Return a host and path as a URL parser would: the host in lower case, the path as it is."""
    return _HOST_OF_SCRIPT.sub(lambda host: host[0].lower(), script, count=1)


def fault_of_marker(marker: str) -> Fault | None:
    if len(marker.strip()) >= _SHORTEST_MARKER:
        return None
    reason = f"{quote(marker)} is so short that innocent scripts contain it"
    return Fault(Id.MARKER, reason, f"use {_SHORTEST_MARKER} characters or more")


def fault_of_storage(key: str) -> Fault | None:
    return fault_of_pattern(key)


def fault_of_url(url: str) -> Fault | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in ("http", "https") and parts.netloc and url.isprintable() and " " not in url:
        return None
    return Fault(Id.URL, f"{quote(url)} is not the address of a page", "write it in full, from https:// on")


def fault_of_link(link: str) -> Fault | None:
    """Judge where a link leads: to a path of the site, or to an address in full."""
    is_path = link.startswith("/") and not link.startswith("//")
    if is_path and link.isprintable() and " " not in link and "\\" not in link:
        return None
    fault = fault_of_url(link)
    return fault and Fault(Id.URL, fault.reason, 'write a path like "/cookies", or all of it from https:// on')


def _host_of(text: str) -> str:
    try:
        return urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
