"""Several processes that serve one listener: started together, started again where one dies, stopped together."""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

from httpserver.hangup import Terminal

logger: Final = logging.getLogger("opportunity_graph.workers")

POLL_SECONDS: Final = 0.1
"""Between two looks at how the workers are."""

SHORT_LIFE_SECONDS: Final = 5.0
"""A worker that ends sooner was started in vain: the next start waits for a pause, which doubles up to
`LONGEST_PAUSE_SECONDS`."""

LONGEST_PAUSE_SECONDS: Final = 10.0

PASSED_ON: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that are every worker's."""

ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class Workers:
    """So many forks of this process, each of which serves the listener by `serve` and ends with what that returns.

    A worker that was told to end and has not after `end_seconds` is killed: nobody would wait for it for ever. Nothing
    may run in this process beside it: no thread, no event loop. Workers end by themselves if this process does.
    """

    def __init__(
        self, count: int, listener: socket.socket, serve: Callable[[socket.socket], int], *, end_seconds: float
    ) -> None:
        self._count = count
        self._listener = listener
        self._serve = serve
        self._started_at: dict[int, float] = {}
        self._pause_seconds = 0.0
        self._start_at = 0.0
        self._end_seconds = end_seconds
        self._is_ending = False
        self._end_by = float("inf")
        self._terminal = Terminal()
        self._alive, self._keeps_alive = os.pipe()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT has come and all workers have ended; return the exit status."""
        for number in PASSED_ON:
            signal.signal(number, self._on_signal)
        while self._started_at or not self._is_ending:
            self._reap()
            if self._is_ending:
                self._listener.close()  # else clients would come in, and wait for workers that take nobody any more
            while self._is_one_to_be_started():
                self._start()
            if time.monotonic() >= self._end_by:
                self._kill()
            time.sleep(POLL_SECONDS)
        return 0

    def _is_one_to_be_started(self) -> bool:
        is_missing = len(self._started_at) < self._count
        return is_missing and not self._is_ending and time.monotonic() >= self._start_at

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP and self._terminal.is_closed:
            number = signal.SIGTERM
        if number in ENDING and not self._is_ending:
            self._is_ending, self._end_by = True, time.monotonic() + self._end_seconds
        for process_id in list(self._started_at):
            with suppress(ProcessLookupError):  # its end was seen just now
                os.kill(process_id, number)

    def _reap(self) -> None:
        while self._started_at:
            process_id, _ = os.waitpid(-1, os.WNOHANG)
            if not process_id:
                return
            started_at = self._started_at.pop(process_id, None)
            if started_at is None:
                continue  # no worker of ours
            if not self._is_ending:
                self._put_off(is_in_vain=time.monotonic() - started_at < SHORT_LIFE_SECONDS)
                logger.warning("worker %d has ended, another one takes its place", process_id)

    def _put_off(self, *, is_in_vain: bool) -> None:
        """Start the next worker after a pause if the last start was in vain, else at once."""
        self._pause_seconds = min(2 * self._pause_seconds or 0.5, LONGEST_PAUSE_SECONDS) if is_in_vain else 0.0
        self._start_at = time.monotonic() + self._pause_seconds

    def _kill(self) -> None:
        self._end_by = float("inf")
        for process_id in list(self._started_at):
            logger.warning("worker %d has not ended in time, and is killed", process_id)
            os.kill(process_id, signal.SIGKILL)

    def _start(self) -> None:
        # What comes between the fork and the worker's own handlers waits until it has these.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
        if self._is_ending:  # what came before that has told those that there were
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            return
        try:
            process_id = os.fork()
        except OSError as error:  # too little memory, or too many processes: those that there are go on
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            self._put_off(is_in_vain=True)
            logger.warning("no worker can be started now: %s", error.strerror)
            return
        if process_id:
            self._started_at[process_id] = time.monotonic()
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            return
        status = 1
        try:
            os.setpgid(0, 0)  # else Ctrl-C would come twice: from the terminal, and passed on
            os.close(self._keeps_alive)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the worker takes it, and then it has read all anew
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            threading.Thread(target=_end_with_parent, args=(self._alive,), daemon=True).start()
            status = self._serve(self._listener)
        except KeyboardInterrupt:
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except Exception:
            logger.exception("this worker ends by a fault")  # else nobody would say it: what is above ends nowhere
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)  # the rest of the stack is the parent's


def _end_with_parent(alive: int) -> None:
    """Wait until the other end is closed, which happens however the parent ends; then end as if it had said so."""
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)
