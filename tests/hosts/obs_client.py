# SPDX-License-Identifier: LGPL-2.1-or-later
"""Speaks with OBS through obs-websocket (protocol 5): requests, and events as they come."""
import base64
import json
import threading
import time

import websocket
from websocket import WebSocketException

NOT_READY = 207
GENERAL, OUTPUTS, VENDORS = 1 << 0, 1 << 6, 1 << 9  # groups of events


class Refused(Exception):
    def __init__(self, request, code, comment):
        super().__init__(f"{request}: {code} {comment}")
        self.code = code


class Client:
    def __init__(self, port, limit=60):
        """Waits until OBS listens."""
        self._socket = self._connect(port, limit)
        self._hello()
        self._changed = threading.Condition()
        self._replies, self._events, self._n_asked = {}, [], 0
        self._is_open = True
        threading.Thread(target=self._listen, daemon=True).start()

    @staticmethod
    def _connect(port, limit):
        end = time.monotonic() + limit
        while True:
            try:
                return websocket.create_connection(f"ws://127.0.0.1:{port}", timeout=limit)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _hello(self):
        json.loads(self._socket.recv())
        self._socket.send(json.dumps({"op": 1, "d": {
            "rpcVersion": 1, "eventSubscriptions": GENERAL | VENDORS | OUTPUTS}}))
        if json.loads(self._socket.recv())["op"] != 2:
            raise ConnectionError("obs-websocket does not let us in")
        self._socket.settimeout(None)

    def _listen(self):
        try:
            while True:
                message = json.loads(self._socket.recv())
                with self._changed:
                    if message["op"] == 5:
                        self._events.append((time.monotonic(), message["d"]))
                    elif message["op"] == 7:
                        self._replies[message["d"]["requestId"]] = message["d"]
                    self._changed.notify_all()
        except (OSError, ValueError, WebSocketException):
            with self._changed:
                self._is_open = False
                self._changed.notify_all()

    def ask(self, request, limit=60, **data):
        """What OBS answers to a request; waits until OBS is ready for any."""
        end = time.monotonic() + limit
        while True:
            with self._changed:
                self._n_asked += 1
                name = str(self._n_asked)
                self._socket.send(json.dumps({"op": 6, "d": {
                    "requestType": request, "requestId": name, "requestData": data}}))
                if not self._changed.wait_for(lambda: name in self._replies or not self._is_open,
                                              end - time.monotonic()):
                    raise TimeoutError(f"{request}: no answer in {limit} s")
                if name not in self._replies:
                    raise ConnectionError(f"{request}: OBS has hung up")
                reply = self._replies.pop(name)
            status = reply["requestStatus"]
            if status["result"]:
                return reply.get("responseData") or {}
            if status["code"] != NOT_READY or time.monotonic() > end:
                raise Refused(request, status["code"], status.get("comment", ""))
            time.sleep(0.1)

    def mark(self):
        """A place in the row of events, to look behind."""
        with self._changed:
            return len(self._events)

    def wait_for(self, wanted, since, limit=60):
        """The first event behind the mark of which wanted(event) is true: (when it came, the
        event), or None after limit seconds."""
        end = time.monotonic() + limit
        with self._changed:
            while True:
                for when, event in self._events[since:]:
                    if wanted(event):
                        return when, event
                since = len(self._events)
                if not self._is_open or not self._changed.wait(max(0, end - time.monotonic())):
                    if time.monotonic() >= end or not self._is_open:
                        return None

    def events(self, since):
        with self._changed:
            return [event for _, event in self._events[since:]]

    def screenshot(self, source, path, width=None, height=None):
        """What the source looks like, its filters included, as a PNG file."""
        size = {"imageWidth": width, "imageHeight": height} if width else {}
        data = self.ask("GetSourceScreenshot", sourceName=source, imageFormat="png", **size)
        with open(path, "wb") as f:
            f.write(base64.b64decode(data["imageData"].partition(",")[2]))

    def close(self):
        self._socket.close()
