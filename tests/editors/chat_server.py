#!/usr/bin/env python3
"""A server with OpenAI's interface on loopback that answers conversations and completes as a test says, piece by piece.

    tests/editors/chat_server.py ANSWERS     prints its port; ANSWERS are JSON, `POST /test/go` lets it go on

Invariant: nothing but loopback; an answer goes on when the test says so, and not after some time; whether a client left
before the end is known.
"""

import http.server
import json
import select
import sys
import threading

# Steps of an answer besides texts: wait for `go`, say nothing any more, break off, or send a page in its place.
WAIT, HANG, BREAK, PAGE = {"do": "wait"}, {"do": "hang"}, {"do": "break"}, {"do": "page"}


class ChatServer:
    """The server. Each question takes the next answer, a list of steps; the last one stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.questions = []
        self.n_left = 0
        self.n_gone_on = 0
        self.changed = threading.Condition()
        chat = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self):
                chat.get(self)

            def do_POST(self):
                chat.post(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        # What the setting `chat` says.
        self.name = f"openai:script@http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def go(self):
        """Lets one answer go on that waits, now or when it comes to that."""
        with self.changed:
            self.n_gone_on += 1
            self.changed.notify_all()

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()

    def get(self, request):
        """What it has, and for tests in another process what happened."""
        if request.path == "/v1/models":
            whole(request, {"object": "list", "data": [{"id": "script", "object": "model", "max_model_len": 8192}]})
        elif request.path == "/test/state":
            whole(request, {"questions": self.questions, "left": self.n_left})
        else:
            request.send_error(404)

    def post(self, request):
        """Answers a conversation."""
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        if request.path == "/test/go":
            self.go()
            return whole(request, {})
        if request.path not in ("/v1/chat/completions", "/v1/completions"):
            return request.send_error(404)
        is_chat = request.path == "/v1/chat/completions"
        with self.changed:
            asked = json.loads(body)
            self.questions.append(asked["messages"][-1]["content"] if is_chat else asked["prompt"])
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if PAGE in answer:
            request.send_response(200)
            request.send_header("Content-Type", "text/html")
            request.end_headers()
            return request.wfile.write(b"<html><h1>502 Bad Gateway</h1></html>")
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        try:
            self.stream(request, answer, is_chat)
        except OSError:
            self.left()

    def stream(self, request, answer, is_chat):
        """Sends the steps of an answer."""
        piece = (lambda text: {"delta": {"content": text}}) if is_chat else (lambda text: {"text": text})
        for step in answer:
            if step in (WAIT, HANG):
                if not self.wait(request, step == WAIT):
                    return self.left()
            elif step == BREAK:
                # Half of an event: the end of the connection is no end of the answer.
                return request.wfile.write(b'data: {"choices": [{"del')
            else:
                event(request, {"index": 0, **piece(step), "finish_reason": None})
        event(request, {"index": 0, **piece(""), "finish_reason": "stop"})
        request.wfile.write(b"data: [DONE]\n\n")

    def wait(self, request, may_go):
        """Waits until the answer may go on; false once the client has left."""
        while True:
            with self.changed:
                if may_go and self.n_gone_on > 0:
                    self.n_gone_on -= 1
                    return True
                self.changed.wait(0.02)
            # A client sends nothing more: what can be read is its leaving.
            if select.select([request.connection], [], [], 0)[0]:
                return False

    def left(self):
        """A client closed the connection before the end."""
        with self.changed:
            self.n_left += 1


def whole(request, document):
    """Answers with one document."""
    body = json.dumps(document).encode()
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def event(request, choice):
    """Sends one event."""
    request.wfile.write(f"data: {json.dumps({'model': 'script', 'choices': [choice]})}\n\n".encode())
    request.wfile.flush()


if __name__ == "__main__":
    server = ChatServer(*json.loads(sys.argv[1]))
    print(server.port, flush=True)
    # It ends with the test that started it.
    sys.stdin.read()
