"""Rules by cookie name: exact, or a prefix with a trailing ``*``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class NameTable(Generic[T]):
    """Finds the rule for a name in a time that does not depend on how many rules there are.

    Built once from ``{pattern: value}`` and never changed. An exact name beats a prefix, a longer prefix a shorter
    one; ``*`` alone matches every name, the empty one too. Names are compared as browsers do, with regard to case.
    """

    __slots__ = ("_exact", "_root")

    def __init__(self, patterns: Mapping[str, T]) -> None:
        self._exact = {pattern: value for pattern, value in patterns.items() if not pattern.endswith("*")}
        self._root = _Node[T]()
        for pattern, value in patterns.items():
            if pattern.endswith("*"):
                self._plant(pattern[:-1], value)

    def lookup(self, name: str) -> T | None:
        """Return the value of the pattern that fits best, None if none fits."""
        if name in self._exact:
            return self._exact[name]
        node = self._root
        found = node.value
        for character in name:
            following = node.branches.get(character)
            if following is None:
                break
            node = following
            if node.is_end:
                found = node.value
        return found

    def _plant(self, prefix: str, value: T) -> None:
        node = self._root
        for character in prefix:
            node = node.branches.setdefault(character, _Node())
        node.value = value
        node.is_end = True


class _Node(Generic[T]):
    """A place in the tree of prefixes, one character per branch: a name leaves the tree where no prefix follows it."""

    __slots__ = ("branches", "is_end", "value")

    def __init__(self) -> None:
        self.branches: dict[str, _Node[T]] = {}
        self.value: T | None = None
        self.is_end = False
