# SPDX-License-Identifier: MIT
"""Talks to dump_machine: a question and an answer a line."""

import contextlib
import os
import subprocess


class Program:
    """tests/drivers/dump_machine.c with a machine."""

    def __init__(self, *arguments):
        program = os.environ.get("DUMP_MACHINE") or os.path.join(os.path.dirname(os.environ["STACKDB"]),
                                                                 "../tests/drivers/dump_machine")
        modules = os.environ.get("STACKDB_DRIVERS") or os.path.join(os.path.dirname(program), "../../drivers")
        self.process = subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env={**os.environ, "STACKDB_DRIVERS": modules})
        self.opening = self.process.stdout.readline().strip()
        self.open = self.opening.startswith("ok ")

    def __call__(self, question):
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return f"ended {self.process.wait()}"
        answer = self.process.stdout.readline().strip()
        return answer if answer else f"ended {self.process.wait()}"

    def bytes(self, question):
        answer = self(question)
        return bytes.fromhex(answer[3:]) if answer.startswith("ok") else answer

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.messages = self.process.stderr.read()
        return self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
