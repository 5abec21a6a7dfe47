#!/usr/bin/env python3
"""Miners for tests of the ledger: sessions that hand in made-up shares (the pool hashes none:
--verify-sample 0) and write down which ones were answered "OK": a line "LOGIN JOB NONCE" each.

    ledger_worker.py ADDRESS PREFIX SESSIONS FILE

Ends when the pool does, or at SIGINT or SIGTERM."""
import json
import select
import signal
import socket
import sys
import time

PACE_S = 0.01  # between two shares of a session; the pool takes 50 a second, and 200 more at first
UNANSWERED_MAX = 8


class Session:
    def __init__(self, address, login):
        host, port = address.rsplit(":", 1)
        self.login = login
        self.socket = socket.create_connection((host, int(port)))
        self.buffer = b""
        self.id = None
        self.job = None
        self.nonce = 0
        self.waiting = {}
        self.due = 0
        self.send(1, "login", {"login": login, "pass": "x", "agent": "test"})

    def send(self, number, method, params):
        line = {"id": number, "jsonrpc": "2.0", "method": method, "params": params}
        self.socket.sendall(json.dumps(line).encode() + b"\n")

    def submit(self):
        if self.job is None or len(self.waiting) >= UNANSWERED_MAX:
            return
        self.nonce += 1
        nonce = self.nonce.to_bytes(4, "big").hex()
        self.waiting[self.nonce + 1] = f"{self.login} {self.job} {nonce}"
        self.send(self.nonce + 1, "submit",
                  {"id": self.id, "job_id": self.job, "nonce": nonce, "result": "00" * 32})

    def read(self, seen):
        """False when the pool is gone."""
        try:
            more = self.socket.recv(65536)
        except ConnectionError:
            return False
        *lines, self.buffer = (self.buffer + more).split(b"\n")
        for line in lines:
            self.take(json.loads(line), seen)
        return len(more) > 0

    def take(self, message, seen):
        if message.get("method") == "job":
            self.job = message["params"]["job_id"]
        elif message["id"] == 1:
            self.id = message["result"]["id"]
            self.job = message["result"]["job"]["job_id"]
        else:
            share = self.waiting.pop(message["id"])
            if message.get("error") is None and message["result"]["status"] == "OK":
                seen.write(share + "\n")


def submit_due(sessions, now):
    """Each at its own time, so that the pool always has some on their way."""
    for one in sessions.values():
        if one.due <= now:
            one.due = max(one.due + PACE_S, now)
            try:
                one.submit()
            except ConnectionError:
                pass  # what was answered before is still to be read


def main():
    address, prefix, count, path = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    sessions = {}
    with open(path, "w", buffering=1, encoding="ascii") as seen:
        for i in range(int(count)):
            session = Session(address, f"{prefix}{i}")
            session.due = time.monotonic() + PACE_S * i / int(count)
            sessions[session.socket] = session
        while sessions:
            wait = min(one.due for one in sessions.values()) - time.monotonic()
            ready, _, _ = select.select(sessions, [], [], max(0, wait))
            for one in ready:
                if not sessions[one].read(seen):
                    del sessions[one]
            submit_due(sessions, time.monotonic())


main()
