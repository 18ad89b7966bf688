"""The papermill engine ``jkg``: ``papermill --engine jkg in.ipynb out.ipynb``.

Papermill imports this module at its start, so this module imports papermill only for a run.
https://papermill.readthedocs.io/en/latest/extending-entry-points.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode


class JkgEngine:
    """Runs notebooks on a server that environment variables name, or on this machine.

    The server is the gateway of JUPYTER_GATEWAY_URL. Without that variable, the server is the
    user's server on the hub of JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN. Without these
    variables, the kernel runs on this machine.
    """

    @classmethod
    def execute_notebook(cls, nb: NotebookNode, kernel_name: str, **options: Any) -> NotebookNode:
        """Run ``nb``, and save it while it runs.

        Args:
            nb: The notebook, with its parameters.
            kernel_name: Name of the kernel to start.
            **options: Options of papermill, and ``server``, ``timeout``, ``final_wait``, ``env``,
                ``kernel_id`` and ``secret_parameters`` of ``run_notebook``.
        """
        from .papermill_run import PapermillRun  # noqa: PLC0415

        with server_of(options.pop("server", None)) as server:
            return PapermillRun.of(nb, kernel_name, server, options).run()

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """Name of the kernel for ``nb``. If the notebook does not name it, the server is asked."""
        given = name or nb.metadata.get("kernelspec", {}).get("name")
        return given or _chosen(nb, name).name

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """Language of ``nb``. If the notebook does not name it, the server is asked."""
        from .kernel_choice import language_of  # noqa: PLC0415

        return language or language_of(nb) or _chosen(nb, None).language


def _chosen(nb: NotebookNode, name: str | None) -> Any:
    from .kernel_choice import choose  # noqa: PLC0415
    from .providers import installed, kernels_of  # noqa: PLC0415

    with server_of(None) as server, kernels_of(server, None) as kernels:
        return choose(nb, name, installed(kernels))


@contextmanager
def server_of(server: Any) -> Iterator[Any]:
    """``server``. If it is None and the environment names only a hub, the user's server."""
    names_hub = all(
        os.environ.get(f"JUPYTERHUB_API_{name}", "").strip() for name in ("URL", "TOKEN")
    )
    if server is not None or os.environ.get("JUPYTER_GATEWAY_URL", "").strip() or not names_hub:
        yield server
        return
    from ..servers.jupyterhub.server import JupyterHubServer  # noqa: PLC0415

    with JupyterHubServer.from_env() as hub_server:
        yield hub_server
