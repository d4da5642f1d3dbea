"""Child processes whose output is kept in files, so that a failing test can show it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

STOP_TIMEOUT_S: Final = 40.0


class ChildProcess:
    """A started program; its stdout and stderr are appended to `<name>.stdout` and `<name>.stderr`."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        directory: Path,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> None:
        """Start `argv` in `directory`. `env` is added to this process's own. `stdin`, when given, is
        written to the child's stdin, which then stays open until `close_stdin`."""
        self.name = name
        self.stdout_path = directory / f"{name}.stdout"
        self.stderr_path = directory / f"{name}.stderr"
        with self.stdout_path.open("ab") as out, self.stderr_path.open("ab") as err:
            self._stdout_start, self._stderr_start = out.tell(), err.tell()
            self._process = subprocess.Popen(
                list(argv),
                cwd=directory,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=out,
                stderr=err,
            )
        if self._process.stdin is not None and stdin is not None:
            self._process.stdin.write(stdin.encode())
            self._process.stdin.flush()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def stdout(self) -> str:
        """What this start printed so far; the file also keeps what earlier ones of this name did."""
        return self.stdout_path.read_bytes()[self._stdout_start :].decode(errors="replace")

    def stderr(self) -> str:
        """As `stdout`."""
        return self.stderr_path.read_bytes()[self._stderr_start :].decode(errors="replace")

    def report(self) -> str:
        """Exit code and the ends of both outputs, for a failure message."""
        return (
            f"{self.name}: exit code {self.exit_code}\n"
            f"--- stdout ---\n{self.stdout()[-4000:]}\n--- stderr ---\n{self.stderr()[-4000:]}"
        )

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """The exit code.

        Raises:
            AssertionError: it still ran after `timeout_s` seconds; it is killed then.
        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout_s:g} s\n{self.report()}") from None

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self._process.kill()
        self._process.wait()
        self.close_stdin()

    def terminate(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """SIGTERM, and the exit code. Raises: AssertionError, as `wait`."""
        self._process.terminate()
        code = self.wait(timeout_s)
        self.close_stdin()
        return code

    def close_stdin(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
