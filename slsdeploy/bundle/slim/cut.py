"""What a cut is: something in installed packages that a function can do without, as a pure selection of files.

One file per cut in `cuts/`: a class derived from `Cut` whose docstring says what goes, why that is safe, and when it must not.
Being there is all it takes to be made.
"""

from __future__ import annotations

import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from slsdeploy.bundle.slim.installed import Installed
    from slsdeploy.bundle.slim.wish import Wish

# Whose code keeps a piece by naming one of its modules: any other package's and the project's; its own package's, too; nobody's.
NamedBy = Literal["others", "all", "nobody"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Files of one package that go together, and the modules that go with them.

    `folder` is the name under which the package itself may open them ("": under none that counts).
    """

    cut: str
    package: str
    files: frozenset[str]
    modules: tuple[str, ...] = ()
    named_by: NamedBy = "others"
    is_distribution: bool = False
    folder: str = ""

    @property
    def id(self) -> str:
        """What is undone at once: a cut in one package."""
        return f"{self.cut}/{self.package}"


class Cut(ABC):
    """One thing that can be left out. `why` says in a few words why it can.

    `words` are the names that keep it, as parts of dotted names; `loose` those of them that count wherever they stand.
    `distributions` are those that it takes whole unless the project asks for them. `always`: also with `slim = "off"`.
    """

    name: ClassVar[str]
    why: ClassVar[str]
    words: ClassVar[frozenset[str]] = frozenset()
    loose: ClassVar[frozenset[str]] = frozenset()
    distributions: ClassVar[frozenset[str]] = frozenset()
    always: ClassVar[bool] = False

    @abstractmethod
    def select(self, installed: Installed, wish: Wish) -> Iterator[Piece]:
        """Yield what could go; whether it is named is looked at by `selecting`."""

    def piece(self, package: str, files: frozenset[str], *modules: str, named_by: NamedBy = "others") -> Piece:
        """Make a piece of this cut."""
        return Piece(self.name, package, files, modules, named_by)


@cache
def find_cuts() -> tuple[Cut, ...]:
    """Return one of each cut, by name."""
    from slsdeploy.bundle.slim import cuts

    modules = [import_module(f"{cuts.__name__}.{found.name}") for found in pkgutil.iter_modules(cuts.__path__)]
    kinds = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Cut) and value is not Cut
    }
    return tuple(sorted((kind() for kind in kinds), key=lambda cut: cut.name))


@cache
def all_words() -> frozenset[str]:
    """Return every name that might keep something."""
    return frozenset(word for cut in find_cuts() for word in cut.words | cut.loose)
