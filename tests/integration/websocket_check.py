#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Independent eyes for tests/integration/websocket.sh: Python's websockets, on either side.

    websocket_check.py page URL [CA_FILE]   a page's script before our pool
    websocket_check.py pool PORT_FILE       a pool before our miner, until it has three shares

Prints what is wrong and exits with 1.
"""
import asyncio
import json
import os
import ssl
import sys

import websockets

ORIGIN = "http://127.0.0.1:8000"
AUTH = json.dumps({"type": "auth", "params": {"site_key": "LABKEY", "type": "anonymous",
                                              "user": None, "goal": 0}})
PATIENCE_S = 20


def expect(good, what):
    if not good:
        print(what)
        sys.exit(1)


async def hear(socket, kind):
    message = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
    expect(message["type"] == kind, f"heard {message} instead of {kind}")
    return message["params"]


async def closed_with(url, tls, *messages):
    async with websockets.connect(url, origin=ORIGIN, ssl=tls) as socket:
        for message in messages:
            await socket.send(message)
        try:
            while True:
                await asyncio.wait_for(socket.recv(), PATIENCE_S)
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


async def refused_with(url, tls, **arguments):
    try:
        async with websockets.connect(url, ssl=tls, **arguments):
            return 101
    except websockets.InvalidStatusCode as refusal:
        return refusal.status_code


async def page(url, ca_file=None):
    tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
    async with websockets.connect(url, origin=ORIGIN, ssl=tls) as socket:
        await socket.send([AUTH[:10], AUTH[10:40], AUTH[40:]])  # in three frames
        expect((await hear(socket, "authed")) == {"token": "", "hashes": 0}, "authed differs")
        job = await hear(socket, "job")
        expect(len(bytes.fromhex(job["blob"])) >= 76 and len(job["target"]) == 8, f"job {job}")
        await asyncio.wait_for(await socket.ping(b"are you there"), PATIENCE_S)
        share = {"job_id": job["job_id"], "nonce": "0a000000", "result": "ff" * 32}
        await socket.send(json.dumps({"type": "submit", "params": share}))
        expect("Low difficulty" in (await hear(socket, "error"))["error"], "a bad share")
        expect(socket.extensions == [] and socket.subprotocol is None, "something was agreed on")
    expect(socket.close_code == 1000, f"our close was answered with {socket.close_code}")
    expect(await closed_with(url, tls, "hello") == 1008, "no JSON")
    expect(await closed_with(url, tls, "x" * 20000) == 1009, "a long message")
    expect(await closed_with(url, tls, b"x") == 1003, "a binary message")
    expect(await refused_with(url, tls, origin="https://evil.test") == 403, "a foreign page")
    expect(await refused_with(url, tls) == 403, "no page")
    expect(await refused_with(url + "?pool=10.0.0.1:3333", tls, origin=ORIGIN) == 403, "a query")


async def pool(port_file):
    done = asyncio.get_running_loop().create_future()
    blob = "1010" + "00" * 74

    async def serve(socket):
        expect(socket.request_headers["Origin"].startswith("http://127.0.0.1:"), "no Origin")
        auth = await hear(socket, "auth")
        expect(auth["site_key"] == "LABKEY" and auth["goal"] == 0, f"auth {auth}")
        await socket.send('{"type":"authed","params":{"token":"","hashes":0}}')
        await socket.send(json.dumps({"type": "job", "params": {
            "job_id": "1", "blob": blob, "target": "ffffff7f", "algo": "cn/1", "height": 7}}))
        await asyncio.wait_for(await socket.ping(), PATIENCE_S)
        nonces = set()
        while len(nonces) < 3:
            share = await hear(socket, "submit")
            expect(int.from_bytes(bytes.fromhex(share["result"])[28:], "little") < 0x7fffffff,
                   f"a share above the target: {share}")
            nonces.add(share["nonce"])
            await socket.send(json.dumps({"type": "hash_accepted",
                                          "params": {"hashes": 2 * len(nonces)}}))
        await socket.wait_closed()
        if not done.done():
            done.set_result(socket.close_code)

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        with open(port_file + ".new", "w", encoding="ascii") as file:
            file.write(str(server.sockets[0].getsockname()[1]))
        os.rename(port_file + ".new", port_file)
        code = await asyncio.wait_for(done, 60)
        expect(code == 1001, f"the miner left with {code}")


if __name__ == "__main__":
    asyncio.run({"page": page, "pool": pool}[sys.argv[1]](*sys.argv[2:]))
