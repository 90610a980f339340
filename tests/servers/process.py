"""A server's process: started, killed and started again on one folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

PATIENCE = 60  # seconds until a server that does not answer is a failure
_RETRY = 0.02  # seconds between two tries
_IN_MEMORY = "/dev/shm"  # noqa: S108  # each server makes a folder of its own there
_ROOM = 2 << 30  # bytes; containers often have 64 MB there


class ServerError(RuntimeError):
    """A server that did not start; the message ends with its log."""


def _home() -> str | None:
    """Return where servers keep their data; None for the usual place of temporary files.

    They write through to the disk, and a disk that others use can stop for a minute. What a killed
    process has written stays in memory too.
    """
    with contextlib.suppress(OSError):
        if shutil.disk_usage(_IN_MEMORY).free > _ROOM:
            return _IN_MEMORY
    return None


class Server:
    """A server on a folder of its own; subclasses say how it is called and how to ask for it.

    Attributes:
        folder: Its data, socket and log; short, because socket paths have at most 107 bytes.
    """

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    orphan_signal: ClassVar[signal.Signals] = signal.SIGKILL  # if its parent dies
    unprivileged: ClassVar[bool] = False  # whether it refuses to run as root

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ts-", dir=_home()))
        # Not pytest's own folder, whose mode 0700 keeps a server of another user out.
        self.folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Tell whether it serves; may raise OSError instead of returning False."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Make what it needs in its folder before the first start."""

    def environment(self) -> dict[str, str]:
        """Return what its environment has beside ours."""
        return {}

    def __enter__(self) -> Self:
        """Start it on an empty folder."""
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it at once, as its data are not needed any more, and remove its folder."""
        self._end(self.orphan_signal)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it on the present contents of its folder, and return when it serves."""
        deadline = monotonic() + PATIENCE
        while True:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  # our own command
                    [*self.guard(), *self.command()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env={**os.environ, **self.environment()},
                    start_new_session=True,
                )
            if self._wait(deadline):
                return
            if monotonic() >= deadline:
                log_text = (self.folder / "log").read_text(errors="replace")[-2000:]
                raise ServerError(f"{type(self).__name__} did not start: {log_text}")
            sleep(_RETRY)  # what is left of one that was killed may still hold its folder

    def _wait(self, deadline: float) -> bool:
        while monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError):
                if self.answers():
                    return True
            sleep(_RETRY)
        return False

    def guard(self) -> list[str]:
        """Return what runs before a command: it dies with us, and is not root where it must not."""
        guard = ["setpriv", f"--pdeathsig={self.orphan_signal.name.removeprefix('SIG')}"]
        if self.unprivileged and os.getuid() == 0:
            guard += ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        return guard

    def stop(self) -> None:
        """End it in order."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again on the same data."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Let it hang: connections stay open, and from the return on nothing answers."""
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            while _runs(pid):  # one thread takes the signal, when its turn comes
                sleep(_RETRY)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def limit_files(self, size: int | str = "unlimited") -> None:
        """Let no file of it grow beyond so many bytes, as if the disk were full there."""
        for pid in self._processes():
            # The soft limit alone, which can be raised again without privileges.
            limit = ["prlimit", f"--pid={pid}", f"--fsize={size}:"]
            command = [*self.guard(), *limit]
            done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603  # ours
            if done.returncode and Path(f"/proc/{pid}").exists():  # else it has just ended
                raise ServerError(f"no limit for {pid}: {done.stderr.decode()}")

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # One that is paused would not hear it.
        for pid in (*_children(process.pid), process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _processes(self) -> Iterator[int]:
        """Give its own process, and then those that this one has started until then."""
        if self._process is None:
            raise ServerError(f"{type(self).__name__} is not running")
        yield self._process.pid
        yield from _children(self._process.pid)  # they may have groups of their own


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _runs(pid: int) -> bool:
    """Tell whether a thread of a process is neither stopped nor ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "TtXZ":
                return True
    return False


def ask(path: Path, question: bytes) -> bytes:
    """Return the first bytes that a server on a unix socket answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        connection.sendall(question)
        return connection.recv(64)


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
