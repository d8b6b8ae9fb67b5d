"""From an application and a listener to a server that runs until it is told to stop."""

import signal
import socket
from math import ceil

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from configuration import AllSettings
from httpserver.connection import ConnectionLimits
from httpserver.protocol import protocol
from httpserver.shutdown import DrainingServer, several_at_once
from web.application import Application


def serve(app: Application, settings: AllSettings, listener: socket.socket) -> int:
    """Serve what `server.create_app` made until told to stop; return the exit status.

    It is 0, or `STARTUP_FAILURE` where the application could not start.
    """
    deadline_seconds = settings.transport.operation_deadline_seconds
    config = uvicorn.Config(
        app,
        http=protocol(
            ConnectionLimits(
                head_timeout_seconds=settings.security.general.request_body_timeout_seconds,
                max_body_bytes=settings.security.general.max_request_bytes,
                half_close_seconds=deadline_seconds + 1,
            ),
            app.state.on_refusal,
        ),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here asks for the client's address
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=ceil(deadline_seconds) + 1,
    )
    server = DrainingServer(
        config,
        app.state.health,
        drain_seconds=settings.server.shutdown_delay_seconds,
        end_streams=app.state.end_streams,
    )
    app.state.server_state = server.server_state
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the application takes it, and has read all anew
        server.run(sockets=several_at_once(listener))
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0 if server.started else STARTUP_FAILURE
