"""The methods of executors that read and set variables of a Python kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Any, Callable, TypeVar

from . import python_variables
from .python_variables import RunUnseen, Variable

T = TypeVar("T")


class VariableAccess(ABC):
    """Variables of a Python kernel, for an executor that can run silent cells."""

    def variables(self) -> list[Variable]:
        """The variables of a Python kernel. Modules and names with an underscore are left out.

        Raises:
            UnknownLanguage: The kernel is not a Python kernel.
            ExecutionTimeout: The kernel does not answer within the executor's time limit.
            KernelDied: The kernel died.
            GatewayError: The server cannot be reached.
        """
        return self._in_python(python_variables.variables)

    def get(self, name: str) -> Any:
        """The value of a variable of a Python kernel. It is sent as JSON: a tuple becomes a list.

        Args:
            name: Name of the variable.

        Raises:
            VariableNotFound: The kernel has no variable of this name.
            NotJsonValue: JSON cannot express the value.
            ValueError: ``name`` cannot be the name of a variable.
            JkgError: The reasons are the same as for ``variables``.
        """
        checked = python_variables.checked_name(name)
        return self._in_python(lambda run: python_variables.get(run, checked))

    def set(self, name: str, value: object) -> None:
        """Set a variable of a Python kernel. The value is sent as JSON.

        Args:
            name: Name of the variable.
            value: None, a boolean, a number, a string, or a list or dict of these.

        Raises:
            ValueError: ``name`` cannot be the name of a variable, or JSON cannot express
                ``value``. Nothing was sent.
            JkgError: The reasons are the same as for ``variables``.
        """
        self._in_python(python_variables.setting(name, value))

    @abstractmethod
    def _in_python(self, do: Callable[[RunUnseen], T]) -> T:
        """Call ``do`` with a function that runs silent cells, and return its result."""


class AsyncVariableAccess(ABC):
    """``VariableAccess`` for an executor with an event loop."""

    async def variables(self) -> list[Variable]:
        """The variables of a Python kernel, as ``JupyterCodeExecutor.variables`` returns them.

        Raises:
            JkgError: As for ``JupyterCodeExecutor.variables``.
        """
        return await self._in_python(python_variables.variables)

    async def get(self, name: str) -> Any:
        """The value of a variable of a Python kernel, as ``JupyterCodeExecutor.get`` returns it.

        Args:
            name: Name of the variable.

        Raises:
            ValueError: ``name`` cannot be the name of a variable.
            JkgError: As for ``JupyterCodeExecutor.get``.
        """
        checked = python_variables.checked_name(name)
        return await self._in_python(lambda run: python_variables.get(run, checked))

    async def set(self, name: str, value: object) -> None:
        """Set a variable of a Python kernel, as ``JupyterCodeExecutor.set`` does.

        Args:
            name: Name of the variable.
            value: A value that JSON can express.

        Raises:
            ValueError: ``name`` or ``value`` is wrong. Nothing was sent.
            JkgError: As for ``JupyterCodeExecutor.set``.
        """
        await self._in_python(python_variables.setting(name, value))

    @abstractmethod
    def _in_python(self, do: Callable[[RunUnseen], T]) -> Awaitable[T]:
        """Call ``do`` as ``VariableAccess`` does, after the jobs before it in the queue."""
