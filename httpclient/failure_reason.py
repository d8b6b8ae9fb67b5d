"""Why a connection could not be made, in a few words for the log of whoever operates the server."""

import os
import ssl

import aiohttp


def failure_reason(error: BaseException) -> str:
    """Return what went wrong, without an address: `Connection refused`, `TLS: certificate has expired`.

    Names of exceptions where nothing better is known.
    """
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "name not found"
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        # "Hostname mismatch, certificate is not valid for ..." goes on with the address.
        return f"TLS: {cause.verify_message.partition(',')[0]}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS: {(cause.reason or type(cause).__name__).lower().replace('_', ' ')}"
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
        return os.strerror(cause.errno)
    return type(error).__name__
