"""Processes that work for this one: Python computes on one core at a time, and several of them on several.

A worker is started once and called many times. It ends when its connection does, so it never outlives for long whoever
started it, however that one ends.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from growth_assets import memory

AT_ONCE = 2
"""So many workers there are."""

WORTH_IT = 24
"""Of fewer days or files than these, starting workers costs more than they save: each imports for a second."""

ENDING_SECONDS = 10.0

_HEADER, _MOST_LOCKS = 8, 4

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class WorkerEndedError(Exception):
    """A worker's process ended before it answered; the message says how."""


class Worker:
    """One process, called by one thread at a time."""

    def __init__(self) -> None:
        self._connection, there = socket.socketpair()
        try:
            # Of the folder that it is started in it imports nothing.
            command = [sys.executable, "-P", "-m", "growth_assets.workers", str(there.fileno())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[there.fileno()]
            )
        except BaseException:
            self._connection.close()
            raise
        finally:
            there.close()

    def call(
        self, function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """What `function` gives there; it is known by its name, its arguments and its result are copied.

        Raises:
            WorkerEndedError: the process is gone, and with it what it was about.
            whatever `function` raises.
        """
        return self.call_holding((), function, *arguments, **named)

    def call_holding(
        self, descriptors: Sequence[int], function: Callable[Arguments, Result], *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:  # fmt: skip
        """The same; the locks of `descriptors` are held until it is done, even if this process is killed meanwhile."""
        try:
            _send(self._connection, (function, arguments, named), descriptors)
            answer, _ = _receive(self._connection)
        except (EOFError, OSError):
            self.close()
            code = self._process.returncode
            how = f"by signal {-code}" if code < 0 else f"with {code}"
            raise WorkerEndedError(f"the process that worked on it ended {how}. Build again.") from None
        error, result = answer
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]  # what the function gave

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        try:
            self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Workers:
    """Some workers, or none: nobody waits for one."""

    def __init__(self) -> None:
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        self._starting: list[Thread] = []

    def start(self, *modules: str) -> None:
        """Have workers soon, unless there are some; `modules` are imported there before anything is asked of them."""
        if not self._starting:
            self._starting = [Thread(target=self._start, args=modules) for _ in range(AT_ONCE)]
            for thread in self._starting:
                thread.start()

    def _start(self, *modules: str) -> None:
        # Where no process can be started, all is done in this one.
        with suppress(OSError, WorkerEndedError):
            worker = Worker()
            for module in modules:
                worker.call(_import, module)
            self._idle.put(worker)

    @contextmanager
    def one(self) -> Iterator[Worker | None]:
        """A worker that has nothing to do; None where there is none."""
        try:
            worker = self._idle.get_nowait()
        except Empty:
            yield None
            return
        try:
            yield worker
        except WorkerEndedError:
            raise
        except BaseException:
            self._idle.put(worker)
            raise
        self._idle.put(worker)

    def close(self) -> None:
        """End all."""
        for thread in self._starting:
            thread.join()
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()
        self._starting = []


_at_hand: list[Workers] = []


@contextmanager
def at_hand() -> Iterator[Workers]:
    """Workers for as long as this lasts, the same ones in all that is done meanwhile."""
    if _at_hand:
        yield _at_hand[0]
        return
    workers = Workers()
    _at_hand.append(workers)
    try:
        yield workers
    finally:
        _at_hand.clear()
        workers.close()


def portable(error: BaseException) -> BaseException:
    """The error as another process may be told of it, with its traceback as a note."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _import(module: str) -> None:
    importlib.import_module(module)


def _send(connection: socket.socket, message: object, descriptors: Sequence[int] = ()) -> None:
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    socket.send_fds(connection, [len(content).to_bytes(_HEADER)], list(descriptors))
    connection.sendall(content)


def _receive(connection: socket.socket) -> tuple[Any, list[int]]:
    header, descriptors, _, _ = socket.recv_fds(connection, _HEADER, _MOST_LOCKS)
    header += _exactly(connection, _HEADER - len(header))
    return pickle.loads(_exactly(connection, int.from_bytes(header))), list(descriptors)  # noqa: S301 - our own, from a socket without a name


def _exactly(connection: socket.socket, length: int) -> bytes:
    content = bytearray(length)
    room = memoryview(content)
    while room:
        received = connection.recv_into(room)
        if not received:
            raise EOFError
        room = room[received:]
    return bytes(content)


def _work(connection: socket.socket) -> None:
    while True:
        try:
            (function, arguments, named), descriptors = _receive(connection)
        except (EOFError, OSError):
            return
        try:
            answer: tuple[BaseException | None, object] = None, function(*arguments, **named)
        except BaseException as error:
            answer = portable(error), None
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        with suppress(OSError):  # whoever asked is gone, and so will be this process
            _send(connection, answer)
        del answer


def main() -> None:
    """Be a worker."""
    memory.keep_longer()
    # Whoever stops the program stops what started this one, which lets it end its work.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    _work(socket.socket(fileno=int(sys.argv[1])))
    # To take apart all that was imported would be a third of what importing it cost.
    os._exit(0)


if __name__ == "__main__":
    main()
