"""Chooses the kernel for a notebook: the one that the caller names, or the one of the metadata."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ..errors import KernelSpecNotFound
from ..protocol.messages import Json
from ..protocol.values import mapping_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

_log = logging.getLogger("jkg_client")


@frozen
class KernelChoice:
    """A kernel that can be started.

    Attributes:
        name: Name by which it is started.
        language: Language of the kernel. Empty if unknown.
        display_name: Name of the kernel for people.
    """

    name: str
    language: str = ""
    display_name: str = ""

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata ``kernelspec`` of a notebook with this kernel."""
        shown = {"display_name": self.display_name or self.name, "name": self.name}
        return {**shown, "language": self.language} if self.language else shown


@frozen
class InstalledKernels:
    """The kernels of a server.

    Attributes:
        kernels: The kernels by name.
        default: Name of the server's default kernel.
    """

    kernels: Mapping[str, KernelChoice]
    default: str

    @classmethod
    def of(cls, listed: Json) -> InstalledKernels:
        """The kernels in an answer to ``GET /api/kernelspecs``."""
        kernels = {
            str(name): _choice(str(name), mapping_of(mapping_of(model).get("spec")))
            for name, model in mapping_of(listed.get("kernelspecs")).items()
        }
        return cls(kernels, str(listed.get("default", "")))

    def named(self, name: str) -> KernelChoice | None:
        """The kernel of this name. Upper and lower case do not matter. None if there is none."""
        if name in self.kernels:
            return self.kernels[name]
        return next((k for n, k in self.kernels.items() if n.lower() == name.lower()), None)

    def in_language(self, language: str) -> list[KernelChoice]:
        """The kernels that run code in this language."""
        return [k for k in self.kernels.values() if k.language.lower() == language.lower()]

    def not_found(self, name: str, advice: str = "") -> KernelSpecNotFound:
        """The exception for a kernel that is not installed."""
        names = ", ".join(sorted(self.kernels)) or "none"
        return KernelSpecNotFound(
            f"there is no kernel {name!r} where the notebook runs; installed there: {names}{advice}"
        )


def choose(
    notebook: NotebookNode, kernel_name: str | None, there: InstalledKernels
) -> KernelChoice:
    """The kernel for a notebook.

    Args:
        notebook: The notebook, with metadata ``kernelspec`` and ``language_info``.
        kernel_name: Name of the kernel that the caller wants. None to use the metadata.
        there: The kernels of the server.

    Raises:
        KernelSpecNotFound: The server has no such kernel, and no other one that can replace it.
    """
    if kernel_name is not None:
        chosen = there.named(kernel_name)
        if chosen is None:
            raise there.not_found(kernel_name)
        return chosen
    wanted = _text(notebook, "kernelspec", "name")
    language = language_of(notebook)
    if wanted:
        return there.named(wanted) or _instead_of(wanted, language, there)
    return _without_name(language, there)


def language_of(notebook: NotebookNode) -> str:
    """The language in the metadata of a notebook. Empty if there is none."""
    return _text(notebook, "kernelspec", "language") or _text(notebook, "language_info", "name")


def _instead_of(wanted: str, language: str, there: InstalledKernels) -> KernelChoice:
    alike = there.in_language(language) if language else []
    if len(alike) != 1:
        raise there.not_found(
            wanted, "; choose another kernel with kernel_name= (in the command: --kernel)"
        )
    _log.warning(
        "there is no kernel %r; the notebook runs on %r, the only kernel for %s",
        wanted,
        alike[0].name,
        language,
    )
    return alike[0]


def _without_name(language: str, there: InstalledKernels) -> KernelChoice:
    default = there.named(there.default) if there.default else None
    alike = there.in_language(language) if language else []
    if language and not alike:
        raise there.not_found(language, f"; the notebook is in {language}")
    chosen = default if default in alike or not alike else alike[0]
    if chosen is None:
        chosen = next(iter(there.kernels.values()), None)
    if chosen is None:
        raise there.not_found(there.default)
    _log.warning("the notebook names no kernel; it runs on %r", chosen.name)
    return chosen


def _choice(name: str, spec: Mapping[str, Any]) -> KernelChoice:
    return KernelChoice(name, str(spec.get("language", "")), str(spec.get("display_name", "")))


def _text(notebook: NotebookNode, part: str, name: str) -> str:
    value = mapping_of(notebook.metadata.get(part)).get(name)
    return value if isinstance(value, str) else ""
