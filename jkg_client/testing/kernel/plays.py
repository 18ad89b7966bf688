"""Plays scripts instead of running cells."""

from __future__ import annotations

import base64
import itertools
import os
import sys
import time
from queue import SimpleQueue

from ...protocol.messages import Json
from .console import Console
from .shells import Outcome


class Calls:
    """Calls functions of a script, in the process of the test."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._numbers = itertools.count()
        self._answers: SimpleQueue[Json] = SimpleQueue()

    def call(self, script: int, at: int) -> Json | None:
        """Call a function of a script, and wait for its end. Returns the error if it fails."""
        number = next(self._numbers)
        self._console.tell_gateway("call", {"call": number, "script": script, "at": at})
        while True:
            answer = self._answers.get()
            # An earlier call that was interrupted may end only now.
            if answer["call"] == number:
                error: Json | None = answer["error"]
                return error

    def take(self, answer: Json) -> None:
        """Process the message that a call has ended."""
        self._answers.put(answer)


class Played(Exception):
    """The exception that ends a play with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(error)
        self.error = error


class Play:
    """One run of a script."""

    def __init__(self, console: Console, calls: Calls, script: Json, number: int) -> None:
        self._console = console
        self._calls = calls
        self._script = script
        self._number = number

    def run(self) -> Outcome:
        """Play the script. An interrupt is raised as KeyboardInterrupt."""
        error = self._script["error"]
        try:
            for step in self._script["steps"]:
                self._persist(step)
        except Played as exc:
            error = exc.error
        if error is not None:
            self._console.say("error", error)
        return Outcome(
            error=error, payload=tuple(self._script["payload"]), loses=self._script["loses"]
        )

    def _persist(self, step: Json) -> None:
        while not self._done(step):
            pass

    def _done(self, step: Json) -> bool:
        try:
            getattr(self, f"_{step['step']}")(step)
        except KeyboardInterrupt:
            if not self._script["stubborn"]:
                raise
            return False
        return True

    def _stream(self, step: Json) -> None:
        stream = {"stdout": sys.stdout, "stderr": sys.stderr}.get(step["name"])
        if stream is None:
            self._console.say("stream", {"name": step["name"], "text": step["text"]})
        else:
            stream.write(step["text"])

    def _message(self, step: Json) -> None:
        self._console.say(
            step["msg_type"],
            step["content"],
            channel=step["channel"],
            metadata=step["metadata"],
            buffers=tuple(map(base64.b64decode, step["buffers"])),
        )

    def _result(self, step: Json) -> None:
        content = {"data": step["data"], "metadata": {}, "execution_count": self._number}
        self._console.say("execute_result", content)

    def _ask(self, step: Json) -> None:
        self._console.prompts.ask(step["prompt"], password=step["password"])

    def _pause(self, step: Json) -> None:
        time.sleep(step["seconds"])

    def _hang(self, _: Json) -> None:
        while True:
            time.sleep(3600)

    def _die(self, _: Json) -> None:
        self._console.flush()
        os._exit(1)

    def _call(self, step: Json) -> None:
        self._console.flush()
        error = self._calls.call(self._script["script"], step["at"])
        if error is not None:
            raise Played(error)
