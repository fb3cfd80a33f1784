"""Which properties does an XMP packet, or another small XML file, hold?

It is read with expat, without any declaration of types or entities, to a depth and a size. Nothing it names is opened.

ISO 16684-1; https://www.w3.org/TR/xml-names/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

LARGEST = 16 << 20  # bytes
DEEPEST = 100  # elements in elements
MOST = 200_000  # elements

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


class Unreadable(ValueError):
    """Why it cannot be read."""


@dataclass
class Element:
    space: str  # namespace
    name: str
    attributes: dict[tuple[str, str], str]
    children: list[Element] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts).strip()

    def walk(self) -> Iterator[Element]:
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += reversed(element.children)

    def values(self) -> list[str]:
        """What stands in it: its text, a resource it names, and the same of everything below it."""
        found = []
        for element in self.walk():
            found += [
                value for (space, name), value in element.attributes.items() if (space, name) == (RDF, "resource")
            ]
            found += [element.text] if element.text else []
        return found


def parsed(data: bytes) -> Element:
    """The root. Raises Unreadable."""
    if len(data) > LARGEST:
        raise Unreadable(f"it is larger than {LARGEST >> 20} MB")
    reader = expat.ParserCreate(namespace_separator=" ")
    reader.buffer_text = True
    builder = _Builder()
    reader.StartElementHandler = builder.start
    reader.EndElementHandler = builder.end
    reader.CharacterDataHandler = builder.data
    reader.StartDoctypeDeclHandler = _refuse_declaration
    reader.EntityDeclHandler = _refuse_declaration
    try:
        reader.Parse(data, True)
    except expat.ExpatError as error:
        raise Unreadable(f"it is no well-formed XML ({error})") from error
    except (ValueError, LookupError, UnicodeError) as error:  # an encoding that is not there
        raise Unreadable(str(error)) from error
    if builder.root is None:
        raise Unreadable("it holds no element")
    return builder.root


def _refuse_declaration(*_: object) -> None:
    raise Unreadable("it declares types or entities, which are not followed")


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._seen = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._seen += 1
        if len(self._open) >= DEEPEST or self._seen > MOST:
            raise Unreadable(f"it has more than {DEEPEST} levels or {MOST} elements")
        element = Element(*_split(name), {_split(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        if self._open:
            self._open[-1].parts.append(text)


def _split(name: str) -> tuple[str, str]:
    space, _, local = name.rpartition(" ")
    return space, local


def properties(root: Element, wanted: frozenset[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """(namespace, name, value) of what is wanted: RDF may write a property as an element or as an attribute."""
    for element in root.walk():
        for (space, name), value in element.attributes.items():
            if (space, name) in wanted:
                yield space, name, value.strip()
        if (element.space, element.name) in wanted:
            yield from ((element.space, element.name, value) for value in element.values())
