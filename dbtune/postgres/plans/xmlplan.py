"""FORMAT XML: the keys of FORMAT JSON, restored from tags that cannot hold spaces and slashes.

Read by expat, which never looks outside the text; a document type, where entities would be
declared, is refused.
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from dbtune.postgres.plans.keys import LISTS, put

# ExplainXMLTag in explain.c makes "-" of whatever a tag cannot hold.
_KEYS = {
    "One-Time-Filter": "One-Time Filter",
    "JOIN-USING-Columns": "JOIN USING Columns",
    "CTE-Self-Reference": "CTE Self-Reference",
}
_IO = re.compile(r"\bI O\b")


class XmlError(Exception):
    """Text that is not XML.

    Attributes:
        line: line of the text, from 1.
        column: column, from 0.
        expected: what should have stood there.
    """

    def __init__(self, line: int, column: int, expected: str) -> None:
        super().__init__(expected)
        self.line = line
        self.column = column
        self.expected = expected


class _Element:
    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.text = ""
        self.children: list[_Element] = []


def decode(text: str) -> tuple[Any, bool]:
    """The value of the outermost element, and whether the text ended too early.

    Raises:
        XmlError: it is no XML, or XML with a document type.
    """
    root = _Element("")
    stack = [root]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(tag: str, _: dict[str, str]) -> None:
        element = _Element(tag.rpartition(":")[2])
        stack[-1].children.append(element)
        stack.append(element)
        if len(stack) > 5000:
            raise XmlError(parser.CurrentLineNumber, 0, "expected fewer levels of nesting")

    def end(_: str) -> None:
        stack.pop()

    def characters(data: str) -> None:
        stack[-1].text += data

    def doctype(*_: object) -> None:
        raise XmlError(parser.CurrentLineNumber, 0, "expected no document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.encode(errors="replace"), True)
    except expat.ExpatError as error:
        name = expat.errors.messages.get(error.code, "")
        if name not in _TOO_SHORT or len(stack) < 2:
            message = f"expected XML: {name or error}"
            raise XmlError(error.lineno, error.offset, message) from None
        _drop_partial(stack)
        return _value(root.children[0]), True
    return _value(root.children[0]), False


_TOO_SHORT = (
    expat.errors.XML_ERROR_NO_ELEMENTS,
    expat.errors.XML_ERROR_UNCLOSED_TOKEN,
    expat.errors.XML_ERROR_PARTIAL_CHAR,
    expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
)


def _drop_partial(stack: list[_Element]) -> None:
    """A text whose end is missing says nothing; what encloses it does."""
    last = stack[-1]
    if len(stack) > 2 and not last.children:
        stack[-2].children.remove(last)


def _value(element: _Element) -> Any:
    """A text, a list, or a mapping, by what an element has in it."""
    children = element.children
    if not children:
        return element.text if element.text.strip() else None
    if all(child.tag == "Item" for child in children):
        return [child.text for child in children]
    if element.tag == f"{children[0].tag}s":
        # MERGE has its Tuples among the Target Tables.
        one = children[0].tag
        return [
            _value(child) if child.tag == one else {_key(child.tag): _value(child)}
            for child in children
        ]
    mapping: dict[str, Any] = {}
    for child in children:
        key, value = _key(child.tag), _value(child)
        if child.tag in ("Incremental-Sort-Groups", "Sort-Space"):
            key = _unnamed(child, mapping)
        if key == "Query" and element.tag == "explain":
            mapping.setdefault("Queries", []).append(value)
        elif value is not None or key in LISTS:
            put(mapping, key, [] if value is None else value)
    return mapping


def _key(tag: str) -> str:
    return _KEYS.get(tag) or _IO.sub("I/O", tag.replace("-", " "))


def _unnamed(element: _Element, siblings: dict[str, Any]) -> str:
    """The key of a group for which explain.c writes its kind instead of its name.

    Full-sort comes before Pre-sorted and Memory before Disk. Of Disk alone, the methods tell.
    """
    if element.tag == "Incremental-Sort-Groups":
        return "Pre-sorted Groups" if "Full-sort Groups" in siblings else "Full-sort Groups"
    methods = siblings.get("Sort Methods Used") or ()
    disk = "Sort Space Memory" in siblings or all("external" in method for method in methods)
    return "Sort Space Disk" if disk and methods else "Sort Space Memory"
