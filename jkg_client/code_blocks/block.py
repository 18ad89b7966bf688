"""A code block, and the error for one that the kernel cannot run."""

from __future__ import annotations

from attrs import Attribute, field, frozen

from ..errors import JkgError
from .languages import canonical


def _check_text(_: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str):
        kind = type(value).__name__
        raise ValueError(f"{attribute.name} must be a string, not {kind}")  # noqa: TRY004


@frozen
class CodeBlock:
    """Code in a language.

    Example::

        executor.execute_code_blocks([CodeBlock("print(6 * 7)", "python")])

    Attributes:
        code: The code.
        language: The label of the block, such as ``python`` or ``bash``. ``""`` stands for the
            kernel's own language.
    """

    code: str = field(validator=_check_text)
    language: str = field(validator=_check_text)


class UnknownLanguage(JkgError, ValueError):
    """The kernel cannot run a block in this language.

    Attributes:
        language: Language of the block.
        kernel_language: Language of the kernel.
    """

    def __init__(self, language: str, kernel_language: str) -> None:
        super().__init__(language, kernel_language)
        self.language = language
        self.kernel_language = kernel_language

    def __str__(self) -> str:
        spoken = [self.kernel_language]
        if canonical(self.kernel_language) == "python":
            spoken += ["bash", "sh"]
        return f"cannot run a {self.language!r} block: this kernel runs {', '.join(spoken)}"
