"""TLS with a private certificate authority, and the errors when it does not work.

The kernel gateway is real. Most tests check REST and the WebSocket, because these reach the server
through different libraries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme  # type: ignore[import-not-found,unused-ignore]
from attrs import evolve, frozen
from servers import kernel_gateway, started

from jkg_client import (
    CodeBlock,
    GatewayUnreachable,
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectionInfo,
    JupyterKernelClient,
    NotAGateway,
)
from jkg_client.gateway.adapter import CONNECT_SECONDS

Ask = Callable[[JupyterClient], object]


def _rest(client: JupyterClient) -> None:
    client.list_kernel_specs()


def _websocket(client: JupyterClient) -> None:
    JupyterKernelClient(client, "any")


BOTH_WAYS = pytest.mark.parametrize("ask", [_rest, _websocket])


@frozen
class Files:
    """PEM files of two certificate authorities, and of certificates that ours has signed.

    Attributes:
        ours: Our authority.
        other: An authority that has not signed the server's certificate.
        server: The server's key and certificates, for 127.0.0.1 and not for localhost.
        client: A client's key and certificates in one file, signed by our authority.
        client_parts: The content of ``client`` in two files: (certificates, key).
    """

    ours: str
    other: str
    server: str
    client: str
    client_parts: tuple[str, str]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    ours, other = trustme.CA(), trustme.CA()
    client = ours.issue_cert("ada@example.org")

    def written(name: str, *blobs: Any) -> str:
        path: Path = folder / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return str(path)

    server = ours.issue_cert("127.0.0.1").private_key_and_cert_chain_pem
    return Files(
        ours=written("ours.pem", ours.cert_pem),
        other=written("other.pem", other.cert_pem),
        server=written("server.pem", server),
        client=written("client.pem", client.private_key_and_cert_chain_pem),
        client_parts=(
            written("client-cert.pem", *client.cert_chain_pems),
            written("client-key.pem", client.private_key_pem),
        ),
    )


Start = Callable[..., JupyterConnectionInfo]


@pytest.fixture(scope="module")
def start(files: Files) -> Iterator[Start]:
    """Starts gateways with TLS, and with further settings."""
    with ExitStack() as stack:

        def start(**more: Any) -> JupyterConnectionInfo:
            def settings(info: JupyterConnectionInfo) -> dict[str, Any]:
                app = kernel_gateway(info)["KernelGatewayApp"]
                certificate = {"certfile": files.server, "keyfile": files.server}
                return {"KernelGatewayApp": {**app, **certificate, **more}}

            info = JupyterConnectionInfo(
                "127.0.0.1", use_https=True, verify=files.ours, cert=files.client
            )
            return stack.enter_context(started("kernel_gateway", settings, info))

        yield start


@pytest.fixture(scope="module")
def server(start: Start) -> JupyterConnectionInfo:
    """A gateway for all clients that trust our authority."""
    return evolve(start(), cert=None)


@pytest.fixture(scope="module")
def strict(start: Start, files: Files) -> JupyterConnectionInfo:
    """A gateway that requires a certificate of the client."""
    return start(client_ca=files.ours)


def _hello(info: JupyterConnectionInfo, folder: Path) -> str:
    with JupyterCodeExecutor(info, output_dir=folder) as executor:
        return executor.execute_code_blocks([CodeBlock("print('hello')", "python")]).output


@pytest.mark.pitfall(26, 28)
def test_a_custom_authority_is_trusted(server: JupyterConnectionInfo, tmp_path: Path) -> None:
    assert _hello(server, tmp_path) == "hello\n"


# urllib3 rightly warns of each request.
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_without_verification_any_certificate_is_accepted(
    server: JupyterConnectionInfo, tmp_path: Path
) -> None:
    assert _hello(evolve(server, host="localhost", verify=False), tmp_path) == "hello\n"


@BOTH_WAYS
def test_a_certificate_of_an_unknown_authority_is_an_error(
    server: JupyterConnectionInfo, ask: Ask
) -> None:
    with (
        JupyterClient(evolve(server, verify=True)) as client,
        pytest.raises(GatewayUnreachable, match="certificate verify failed"),
    ):
        ask(client)


@BOTH_WAYS
def test_a_certificate_of_another_authority_is_an_error(
    server: JupyterConnectionInfo, files: Files, ask: Ask
) -> None:
    with (
        JupyterClient(evolve(server, verify=files.other)) as client,
        pytest.raises(GatewayUnreachable, match="certificate verify failed"),
    ):
        ask(client)


@BOTH_WAYS
def test_a_certificate_for_another_name_is_an_error(
    server: JupyterConnectionInfo, ask: Ask
) -> None:
    with (
        JupyterClient(evolve(server, host="localhost")) as client,
        pytest.raises(GatewayUnreachable, match=r"not valid for 'localhost'"),
    ):
        ask(client)


BUNDLES = pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])


@pytest.mark.field("C1")
@BUNDLES
def test_an_explicit_authority_overrides_the_environment(
    server: JupyterConnectionInfo,
    files: Files,
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, files.other)
    assert _hello(server, tmp_path) == "hello\n"


@pytest.mark.field("C1")
@BUNDLES
@BOTH_WAYS
def test_the_environment_does_not_replace_a_wrong_explicit_authority(
    server: JupyterConnectionInfo,
    files: Files,
    variable: str,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, files.ours)
    with (
        JupyterClient(evolve(server, verify=files.other)) as client,
        pytest.raises(GatewayUnreachable, match="certificate verify failed"),
    ):
        ask(client)


@pytest.mark.field("C1")
@BUNDLES
def test_authorities_of_the_environment_are_the_default(
    server: JupyterConnectionInfo,
    files: Files,
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, files.ours)
    assert _hello(evolve(server, verify=True), tmp_path) == "hello\n"


@pytest.mark.field("C12")
@pytest.mark.pitfall(26)
def test_https_to_a_plain_http_server_is_reported_before_the_connect_timeout() -> None:
    info = JupyterConnectionInfo("127.0.0.1", use_https=False)
    with started("kernel_gateway", kernel_gateway, info) as plain:
        began = time.monotonic()
        with (
            JupyterClient(evolve(plain, use_https=True)) as client,
            pytest.raises(NotAGateway, match="does not speak TLS; use http"),
        ):
            client.list_kernel_specs()
        assert time.monotonic() - began < CONNECT_SECONDS


@BOTH_WAYS
def test_plain_http_to_a_tls_server_is_an_error(server: JupyterConnectionInfo, ask: Ask) -> None:
    with (
        JupyterClient(evolve(server, use_https=False)) as client,
        pytest.raises(GatewayUnreachable),
    ):
        ask(client)


@BOTH_WAYS
def test_a_missing_client_certificate_is_an_error(strict: JupyterConnectionInfo, ask: Ask) -> None:
    with (
        JupyterClient(evolve(strict, cert=None)) as client,
        pytest.raises(GatewayUnreachable, match=r"handshake failure|certificate required"),
    ):
        ask(client)


@pytest.mark.pitfall(28)
@pytest.mark.parametrize("form", ["client", "client_parts"])
def test_a_client_certificate_is_sent(
    strict: JupyterConnectionInfo, files: Files, form: str, tmp_path: Path
) -> None:
    shown = evolve(strict, cert=getattr(files, form))
    assert _hello(shown, tmp_path) == "hello\n"
