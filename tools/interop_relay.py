#!/usr/bin/env python3
"""A relay on loopback that writes down what clients say.

usage: interop_relay.py PORT POOL_PORT FILE

Each line of a client goes to FILE as it was, after the seconds since the relay began and a tab.
"""
import socket
import sys
import threading
import time


def lines_of(sock, other, out, start):
    """Hands bytes on; with `out`, writes whole lines down."""
    rest = b""
    try:
        while chunk := sock.recv(65536):
            other.sendall(chunk)
            if out is None:
                continue
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                out.write(b"%.1f\t%s\n" % (time.monotonic() - start, line))
            out.flush()
    except OSError:
        pass
    for end in (sock, other):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    port, pool_port, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    start = time.monotonic()
    with open(path, "wb") as out, socket.create_server(("127.0.0.1", port)) as server:
        while True:
            client, _ = server.accept()
            pool = socket.create_connection(("127.0.0.1", pool_port))
            for args in (client, pool, out, start), (pool, client, None, start):
                threading.Thread(target=lines_of, args=args, daemon=True).start()


main()
