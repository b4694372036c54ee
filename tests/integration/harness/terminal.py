"""A real terminal of a given size, by tmux: what is typed goes in, what a person sees comes out."""

import os
import pathlib
import shlex
import subprocess

from .waiting import wait_until


class Terminal:
    """A shell in a window. What `run` starts prints `exit N` when it has ended."""

    def __init__(self, folder: pathlib.Path, columns: int = 80, rows: int = 24):
        self._socket = folder / "tmux.sock"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "sh")
        self.wait_for("$", "#")  # the prompt
        self.type("trap : INT", "Enter")  # an interrupted command is followed by the next one all the same

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run(["tmux", "-S", self._socket, *arguments], env=os.environ | {"LC_ALL": "C.UTF-8"},
                              capture_output=True, text=True, check=True).stdout

    def run(self, *command, **environment: str) -> None:
        words = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
        # The line as it is typed shows something else than what it prints.
        self.type(" ".join(words + [shlex.quote(str(word)) for word in command]) + "; echo 'exit'' '$?", "Enter")

    def type(self, *keys: str) -> None:
        """As tmux names them: `Up`, `C-c`, `Enter`; anything else is text."""
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def lines(self) -> list[str]:
        return self._tmux("capture-pane", "-p").splitlines()

    def text(self) -> str:
        return "\n".join(self.lines())

    def is_drawn_on(self) -> bool:
        """A program has the alternate screen."""
        return self._value("alternate_on") == "1"

    def shows_cursor(self) -> bool:
        return self._value("cursor_flag") == "1"

    def settings(self) -> str:
        """Of the line discipline, as stty writes them."""
        path = self._value("pane_tty")
        return subprocess.run(["stty", "-F", path, "-g"], capture_output=True, text=True, check=True).stdout

    def _value(self, name: str) -> str:
        return self._tmux("display-message", "-p", f"#{{{name}}}").strip()

    def wait_for(self, *any_of: str) -> str:
        def shown():
            text = self.text()
            return text if any(part in text for part in any_of) else None
        return wait_until(f"the terminal shows {any_of}", shown, state=self.text)

    def close(self) -> None:
        self._tmux("kill-server")
