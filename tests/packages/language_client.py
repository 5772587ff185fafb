"""A client of the language server protocol over standard input and output.

Invariant: what is no message of the protocol, an answer to no request and a second answer to one are failures.
"""

import json
import pathlib
import queue
import subprocess
import tempfile
import threading
import time


class ProtocolError(AssertionError):
    """The server broke the protocol, or ended; the message holds what it wrote to standard error."""


class LanguageClient:
    """A server that runs, and the conversation with it. Use as a context: whatever happens, the process ends."""

    def __init__(self, command, environment, folder):
        self.errors = tempfile.TemporaryFile()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors, env=environment, cwd=folder)
        self.messages = queue.Queue()
        self.notifications = []
        self.next_id = 1
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.errors.close()

    def request(self, method, params, seconds=60):
        """The result of a request."""
        id, self.next_id = self.next_id, self.next_id + 1
        self._send({"id": id, "method": method, "params": params})
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self.messages.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._fail(f"{method} was not answered within {seconds} s")
            if isinstance(message, Exception):
                self._fail(f"{message} (while {method} was waited for)")
            if "method" in message:
                self._take(message)
            elif message.get("id") != id:
                self._fail(f"an answer to no open request: {message}")
            elif "error" in message:
                self._fail(f"{method} was refused: {message['error']}")
            else:
                return message["result"]

    def notify(self, method, params):
        self._send({"method": method, "params": params})

    def end(self, seconds=20):
        """Ends the session as the protocol says, and returns the exit code."""
        if (result := self.request("shutdown", None)) is not None:
            self._fail(f"shutdown was answered with {result}")
        self.notify("exit", None)
        return self.process.wait(seconds)

    def _take(self, message):
        """A request or a notification of the server."""
        if "id" not in message:
            self.notifications.append(message)
        elif message["method"] == "workspace/configuration":
            self._send({"id": message["id"], "result": [None] * len(message["params"]["items"])})
        else:
            self._send({"id": message["id"], "result": None})

    def _send(self, message):
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        try:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
            self.process.stdin.flush()
        except OSError as error:
            self._fail(f"the server does not read: {error}")

    def _read(self):
        stream = self.process.stdout
        try:
            while head := stream.readline():
                length = None
                while head != b"\r\n":
                    name, separator, value = head.partition(b":")
                    if not separator or not head.endswith(b"\r\n"):
                        raise ProtocolError(f"no header of a message: {head!r}")
                    if name.lower() == b"content-length":
                        length = int(value)
                    head = stream.readline()
                message = json.loads(stream.read(length))
                if message.get("jsonrpc") != "2.0":
                    raise ProtocolError(f"no message of JSON-RPC: {message}")
                self.messages.put(message)
            self.messages.put(ProtocolError("the server closed its output"))
        except Exception as error:  # noqa: BLE001: it is raised where the answer is waited for
            self.messages.put(error)

    def _fail(self, cause):
        time.sleep(0.2)
        self.errors.seek(0)
        said = self.errors.read().decode("utf-8", "replace").strip()
        raise ProtocolError(f"{cause}; standard error: {said or 'empty'}")


# The last line repeats those above: any model that completes code goes on with it.
TEXT = """\
first_value = compute_value(first_input, scale)
second_value = compute_value(second_input, scale)
third_value = compute_value(third_input, scale)
fourth_value = compute"""


def complete(command, environment, folder, version):
    """Starts the server, completes one place with the bundled model, ends the server. Returns the line with the suggestion in it."""
    path = pathlib.Path(folder) / "values.py"
    path.write_text(TEXT)
    document = {"uri": path.as_uri()}
    lines = TEXT.splitlines()
    place = {"line": len(lines) - 1, "character": len(lines[-1])}
    with LanguageClient(command, environment, folder) as client:
        answer = client.request(
            "initialize",
            {
                "processId": None,
                "rootUri": None,
                "capabilities": {"textDocument": {"inlineCompletion": {}}},
                # What makes any model suggest, however unsure it is and however busy the machine.
                "initializationOptions": {"model": "bundled", "minConfidence": 0, "budgetMs": 10000},
            },
        )
        assert answer["serverInfo"] == {"name": "fimble", "version": version}, answer["serverInfo"]
        client.notify("initialized", {})
        client.notify("textDocument/didOpen", {"textDocument": {**document, "languageId": "python", "version": 1, "text": TEXT}})
        items, deadline = [], time.monotonic() + 120
        # The model may still be loaded.
        while not items and time.monotonic() < deadline:
            params = {"textDocument": document, "position": place, "context": {"triggerKind": 1}}
            answer = client.request("textDocument/inlineCompletion", params)
            items = answer["items"] if isinstance(answer, dict) else answer or []
            time.sleep(0 if items else 0.5)
        assert items, f"no suggestion came; messages of the server: {client.notifications}"
        code = client.end()
        assert code == 0, f"the server ended with {code}"
    item = items[0]
    span = item.get("range", {"start": place, "end": place})
    assert span["start"]["line"] == span["end"]["line"] == place["line"], span
    return lines[-1][: span["start"]["character"]] + item["insertText"] + lines[-1][span["end"]["character"] :]
