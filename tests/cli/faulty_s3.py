"""A server of S3, run by moto, that can fail, and that can kill the process whose request it answers."""

import itertools
import logging
import os
import signal
import socket
from threading import Thread

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

SETTINGS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
FAULTS = ("refused", "done and refused", "done and not answered", "answered half")


class Silent(WSGIRequestHandler):
    def log(self, *arguments):
        pass


class FaultyS3:
    """A server in a thread. While `fails` is set, one request in ten fails, each time in another way."""

    def __init__(self):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Silent)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.fails, self.failed = False, 0
        self.victim, self.writes_left = None, 0
        self._numbers = itertools.count(1)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __call__(self, environ, start_response):
        if not self.fails or next(self._numbers) % 10:
            body = b"".join(self._app(environ, start_response))
            self._kill_after(environ["REQUEST_METHOD"])
            return [body]
        fault = FAULTS[self.failed % len(FAULTS)]
        self.failed += 1
        answer = []
        if fault != "refused":
            body = b"".join(self._app(environ, lambda *start: answer.append(start)))
        if fault == "done and not answered":
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        if fault == "answered half" and environ["REQUEST_METHOD"] == "GET":
            start_response(*answer[0])
            return [body[: len(body) // 2]]
        start_response("503 Slow Down", [("Content-Length", "0"), ("Connection", "close")])
        return []

    def kill(self, process, writes):
        """Kills a process when so many of its requests to write have been done."""
        self.writes_left, self.victim = writes, process

    def _kill_after(self, method):
        if self.victim and method in ("PUT", "DELETE"):
            self.writes_left -= 1
            if self.writes_left == 0:
                os.kill(self.victim.pid, signal.SIGKILL)
                self.victim = None

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
