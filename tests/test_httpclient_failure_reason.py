"""`httpclient.failure_reason`: what an operator reads of a connection that could not be made."""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from httpclient.failure_reason import failure_reason

NOW = datetime.now(UTC)


def certificate(folder: Path, name: str, *, starts: datetime, ends: datetime) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server has with such a certificate, and what a client has that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())


async def reason(serving: ssl.SSLContext | None, trusting: ssl.SSLContext) -> str:
    """Return why a client cannot connect to a server with TLS, or without."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=serving)
    async with server, aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get(f"https://localhost:{server.sockets[0].getsockname()[1]}/")
    return failure_reason(caught.value)


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "starts", "ends", "expected"),
    [
        ("localhost", NOW - 2 * DAY, NOW - DAY, "TLS: certificate has expired"),
        ("localhost", NOW + DAY, NOW + 2 * DAY, "TLS: certificate is not yet valid"),
        ("other.example.com", NOW - DAY, NOW + DAY, "TLS: Hostname mismatch"),
    ],
)
async def test_a_certificate_that_cannot_be_relied_on_says_why(
    tmp_path: Path, name: str, starts: datetime, ends: datetime, expected: str
) -> None:
    assert await reason(*certificate(tmp_path, name, starts=starts, ends=ends)) == expected


async def test_an_authority_that_is_not_known_here_says_so(tmp_path: Path) -> None:
    serving, _ = certificate(tmp_path, "localhost", starts=NOW - DAY, ends=NOW + DAY)
    assert await reason(serving, ssl.create_default_context(cadata=None)) == "TLS: self-signed certificate"


async def test_a_server_that_speaks_no_tls_says_so() -> None:
    assert (await reason(None, ssl.create_default_context())).startswith("TLS: ")


async def test_nobody_who_listens_is_a_refusal() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get("http://127.0.0.1:1/")
    assert failure_reason(caught.value) == "Connection refused"


async def test_a_name_that_nobody_knows_is_said_without_it() -> None:
    class Resolver(aiohttp.abc.AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[aiohttp.abc.ResolveResult]:
            raise OSError(None, "no such name")

        async def close(self) -> None: ...

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Resolver())) as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get("http://secret.example.com/")
    assert failure_reason(caught.value) == "name not found"


def test_what_is_not_known_has_the_name_of_its_exception() -> None:
    assert failure_reason(aiohttp.ServerDisconnectedError()) == "ServerDisconnectedError"
