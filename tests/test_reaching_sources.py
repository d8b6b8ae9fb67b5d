"""The way to a source: its name, its port, its certificate. The other source is whole all the while."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import resolvers.resilience.retry
from simulator import Simulator
from tests.harness import open_graph
from tests.two_sources import DATA, HASTY, ID, ask, check


@pytest.fixture(autouse=True)
def _short_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers.resilience.retry, "FIRST_WAIT_SECONDS", 0.01)


async def test_a_host_without_an_address_is_unavailability() -> None:
    async with open_graph(CHARTMOGUL_URL="https://nx.invalid", **HASTY) as graph:
        answer = await ask(graph)
    (error,) = answer["errors"]
    # A resolver that does not answer at all makes it a timeout.
    assert error["extensions"]["code"] in ("UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT")
    assert "nx.invalid" not in json.dumps(answer)
    assert answer["data"]["nexudusOpportunity"]["sourceId"] == ID["nexudus"]


async def test_a_port_where_nobody_listens_is_unavailability() -> None:
    async with open_graph(CHARTMOGUL_URL="http://127.0.0.1:9") as graph:
        check(await ask(graph), "chartmogul", "UPSTREAM_UNAVAILABLE")


TLS = {
    "good": DATA,
    "expired": "UPSTREAM_UNAVAILABLE",
    "another host": "UPSTREAM_UNAVAILABLE",
    "untrusted": "UPSTREAM_UNAVAILABLE",
}


@pytest.mark.parametrize("certificate", TLS)
async def test_a_certificate_that_does_not_prove_the_host_is_not_talked_to(
    certificate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = make_certificates(certificate, tmp_path)
    # aiohttp makes its context when it is imported; this is the same with an authority of our own.
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(trusted)))
    simulator = Simulator()
    async with (
        simulator.serve() as urls,
        behind_tls(urls.chartmogul, tmp_path) as port,
        open_graph(CHARTMOGUL_URL=f"https://localhost:{port}/chartmogul") as graph,
    ):
        check(await ask(graph), "chartmogul", TLS[certificate])
    assert bool(simulator.chartmogul.calls) == (certificate == "good")


def make_certificates(kind: str, folder: Path) -> Path:
    """Write the server's certificate and key; return the file of the authority that the client trusts."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)

    def name(text: str) -> Any:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def authority(text: str) -> tuple[Any, Any]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name(text))
            .issuer_name(name(text))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=3))
            .not_valid_after(now + timedelta(days=3))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return certificate, key

    ours, our_key = authority("ours")
    signer, signing_key = authority("somebody else's") if kind == "untrusted" else (ours, our_key)
    key = ec.generate_private_key(ec.SECP256R1())
    host = "elsewhere.example" if kind == "another host" else "localhost"
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(host))
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=-1 if kind == "expired" else 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(certificate.public_bytes(pem) + private)
    (folder / "authority.pem").write_bytes(ours.public_bytes(pem))
    return folder / "authority.pem"


@asynccontextmanager
async def behind_tls(url: str, folder: Path) -> AsyncIterator[int]:
    """Serve what stands at the URL with the certificate in the folder; yield the port."""
    host, _, port = url.split("/")[2].partition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pipe(reader, back), pipe(there, writer), return_exceptions=True)

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # handshakes that fail are what is tried
    server = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
