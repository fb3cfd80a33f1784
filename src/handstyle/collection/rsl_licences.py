"""What does an RSL document say about the pictures it is for?

Really Simple Licensing 1.0, https://rslstandard.org/rsl. A licence server or a price is a condition; nothing is asked
of a server.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from handstyle.collection import reservation_values, xmp
from handstyle.collection.paths_of_a_site import Rule, applicable
from handstyle.collection.reservation_values import Reading, reading
from handstyle.collection.xmp import Element

SPACE = "https://rslstandard.org/rsl"


def readings(data: bytes, where: str, path: str | None) -> list[Reading]:
    """`path` is where the picture would lie on the site; None asks for every licence."""
    try:
        root = xmp.parsed(data)
    except xmp.Unreadable as error:
        return [reading("rsl", where, f"it cannot be read: {error}", "not readable")]
    if (root.space.rstrip("/"), root.name) != (SPACE, "rsl"):
        return [reading("rsl", where, f"<{root.name}> in the namespace {root.space!r} is no RSL", "not readable")]
    return in_element(root, where, path)


def in_element(root: Element, where: str, path: str | None) -> list[Reading]:
    contents = [element for element in root.walk() if element.name == "content" and _is_rsl(element)]
    rules = [Rule(_path(element.attributes.get(("", "url"), "/")), element) for element in contents]
    chosen = rules if path is None else applicable(rules, path)
    found = [one for rule in chosen for one in _of_content(rule.content, f"{where}, content {rule.path}")]
    return found or [reading("rsl", where, "it names no licence", "not readable")]


def _of_content(content: Element, where: str) -> list[Reading]:
    licences = [element for element in content.walk() if element.name == "license" and _is_rsl(element)]
    server = content.attributes.get(("", "server"))
    found = [_of_licence(licence, where) for licence in licences]
    if server or not licences:
        words = f"a licence from {server}" if server else "no licence in it"
        found.append(reading("rsl", where, words, "on conditions" if server else "not readable"))
    return found


def _of_licence(licence: Element, where: str) -> Reading:
    permitted, prohibited, payments, said = None, list[str](), list[str](), list[str]()
    conditions = 0
    for element in licence.children:
        kind, words = element.attributes.get(("", "type"), ""), element.text.replace(",", " ").split()
        if element.name in ("permits", "prohibits") and kind == "usage":
            said.append(f"{element.name} {' '.join(words)}")
            if element.name == "permits":
                permitted = [*(permitted or ()), *words]
            else:
                prohibited += words
        elif element.name in ("permits", "prohibits"):
            said.append(f"{element.name} {kind} {' '.join(words)}")
            conditions += 1
        elif element.name == "payment":
            payments.append(kind or "free")
            said.append(f"payment {kind or 'free'}")
    says = reservation_values.rsl(permitted, prohibited, payments, conditions)
    return reading("rsl", where, "; ".join(said) or "it says nothing", says)


def _is_rsl(element: Element) -> bool:
    return element.space.rstrip("/") == SPACE


def _path(url: str) -> str:
    """`url` is a path, or an address of which the path counts. One that makes no sense is for everything."""
    try:
        return urlsplit(url).path or "/" if "://" in url else url
    except ValueError:
        return "/"
