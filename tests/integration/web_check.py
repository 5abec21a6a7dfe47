#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Independent eyes for tests/integration/web.sh: other people's parsers, and a browser.

    web_check.py schema SCHEMA FILE...   JSON documents against a JSON schema
    web_check.py openmetrics FILE        the strict parser of Prometheus' own client library
    web_check.py raw URL                 what curl doesn't send: huge heads, many connections
    web_check.py page URL [FOLDER]       headless Chromium; with FOLDER it leaves screenshots there

Prints what is wrong and exits with 1.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 30


def fail(text):
    print(text)
    sys.exit(1)


def check_schema(schema_file, *files):
    import jsonschema
    with open(schema_file, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for name in files:
        with open(name, encoding="utf-8") as file:
            document = json.load(file)
        for error in validator.iter_errors(document):
            best = jsonschema.exceptions.best_match([error])
            fail(f"{name}: {'/'.join(map(str, best.absolute_path))}: {best.message[:300]}")


def check_openmetrics(name):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
    with open(name, encoding="utf-8") as file:
        families = list(text_string_to_metric_families(file.read()))
    if len(families) < 20:
        fail(f"only {len(families)} metric families")
    for family in families:
        if not family.documentation:
            fail(f"{family.name} has no HELP")


def ask(address, *parts):
    """Status of the answer to these bytes."""
    with socket.create_connection(address, PATIENCE_S) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while len(answer) < 12 and (part := connection.recv(4096)):
            answer += part
    return answer[9:12].decode()


def check_raw(url):
    host, port = url.split("//")[1].split(":")
    address = (host, int(port))
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    cases = [
        ("414", b"GET /" + 1000000 * b"a"),
        ("431", head + b"".join(b"A%d: b\r\n" % i for i in range(100000)) + b"\r\n"),
        ("431", head + b"A: " + 1000000 * b"a"),
        ("400", head + b"A: b\n\n"),
        ("400", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ("400", b'{"id":1,"method":"login"}\r\n\r\n'),
        ("400", head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ]
    for want, text in cases:
        got = ask(address, text)
        if got != want:
            fail(f"{got} instead of {want}: {text[:60]}")
    got = ask(address, *[head[i:i + 1] for i in range(len(head))], b"\r\n")
    if got not in ("200", "401", "404"):
        fail(f"byte by byte: {got}")
    waiting = [socket.create_connection(address, PATIENCE_S) for _ in range(64)]
    for one in waiting:
        one.sendall(b"GET")
    deadline = time.monotonic() + PATIENCE_S
    while ask(address, head + b"\r\n") != "503":  # until all 64 were taken
        if time.monotonic() > deadline:
            fail("no cap on connections")
    for one in waiting:
        one.close()
    while ask(address, head + b"\r\n") == "503":
        if time.monotonic() > deadline:
            fail("connections are never given back")


class Browser:
    """Chromium driven over a pipe: DevTools messages, each ended by a NUL."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        ours_in, its_out = os.pipe()
        its_in, ours_out = os.pipe()
        # Away from 3 and 4, where Chromium expects its ends.
        its_in, its_out = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (its_in, its_out))

        def place_ends():
            os.dup2(its_in, 3)
            os.dup2(its_out, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--user-data-dir=" + self.folder, "--remote-debugging-pipe",
             "about:blank"],
            preexec_fn=place_ends, close_fds=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.read_fd, self.write_fd = ours_in, ours_out
        self.buffer, self.count, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(domain + ".enable")

    def receive(self):
        end = time.monotonic() + PATIENCE_S
        while b"\0" not in self.buffer:
            ready = select.select([self.read_fd], [], [], max(0, end - time.monotonic()))[0]
            part = os.read(self.read_fd, 1 << 20) if ready else b""
            if not part:
                fail("Chromium doesn't answer")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        while True:
            reply = self.receive()
            if reply.get("id") != self.count:
                self.events.append(reply)
            elif "error" in reply:
                fail(f"{method}: {reply['error']}")
            else:
                return reply["result"]

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            fail(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, expression):
        end = time.monotonic() + PATIENCE_S
        while not self.evaluate(expression):
            if time.monotonic() > end:
                fail(f"never true: {expression}\n{self.evaluate('document.body.innerText')}")
            time.sleep(0.1)

    def key(self, name):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def look(self, width, dark):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def luminance(colour):
    """Relative luminance (WCAG 2) of "rgb(r, g, b)"."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1:-1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def check_looks(browser, folder):
    style = "getComputedStyle(document.querySelector('%s')).%s"
    grounds = set()
    for width in (1280, 400):
        for dark in (False, True):
            browser.look(width, dark)
            time.sleep(0.3)  # the charts follow the width
            inner = browser.evaluate("document.documentElement.scrollWidth")
            if inner > width:
                fail(f"the page is {inner} pixels wide on a screen of {width}")
            ground = browser.evaluate(style % ("body", "backgroundColor"))
            card = browser.evaluate(style % (".tile", "backgroundColor"))
            grounds.add(ground)
            for selector in (".tile dt", "td.good", "#state"):
                bright, dim = sorted((luminance(browser.evaluate(style % (selector, "color"))),
                                      luminance(card)), reverse=True)
                if (bright + 0.05) / (dim + 0.05) < 4.5:
                    fail(f"{selector} has too little contrast (dark: {dark})")
            if folder:
                shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True)
                name = f"{width}-{'dark' if dark else 'light'}.png"
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(base64.b64decode(shot["data"]))
    if len(grounds) != 2:
        fail(f"light and dark have the same ground: {grounds}")


def check_keyboard(browser):
    browser.evaluate("document.querySelector('#chart-latency svg').focus()")
    before = browser.evaluate("document.querySelector('#chart-latency output').textContent")
    browser.key("Home")
    after = browser.evaluate("document.querySelector('#chart-latency output').textContent")
    if before == after or "ago" not in after:
        fail(f"keys don't move a chart's cursor: {before!r}, {after!r}")
    browser.key("Escape")


def check_accessibility(browser):
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = [(node.get("role", {}).get("value"), node.get("name", {}).get("value", ""))
             for node in nodes]
    images = [name for role, name in roles if role in ("image", "img", "graphics-document")]
    if len(images) < 4 or not all("last:" in name for name in images):
        fail(f"charts don't tell their numbers: {images}")
    for role in ("main", "status", "table", "columnheader", "heading"):
        if role not in [one for one, _ in roles]:
            fail(f"nothing has the role {role}")


def check_quiet(browser, url):
    """Nothing on the console, nothing blocked, nothing asked of anybody else."""
    for event in browser.events:
        method, params = event["method"], event.get("params", {})
        if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            fail(f"{method}: {json.dumps(params)[:500]}")
        if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(url):
            fail(f"a request elsewhere: {params['request']['url']}")


def check_page(url, folder=None):
    browser = Browser()
    try:
        browser.call("Page.navigate", url=url)
        browser.wait("document.getElementById('state')?.textContent === 'live'")
        browser.wait("Number(document.getElementById('accepted').textContent) > 0")
        browser.wait("document.getElementById('rate-60').textContent.endsWith('H/s')")
        browser.wait("[...document.querySelectorAll('#workers td')].some(td => td.textContent.includes('<b>'))")
        browser.wait("document.querySelector('#shares td.good') !== null")
        browser.wait("document.querySelector('#chart-latency path.line') !== null")
        if browser.evaluate("document.querySelector('#workers b') !== null"):
            fail("a miner's text became markup")
        uptime = browser.evaluate("document.getElementById('uptime').textContent")
        browser.wait(f"document.getElementById('uptime').textContent !== '{uptime}'")
        check_keyboard(browser)
        check_accessibility(browser)
        check_looks(browser, folder)
        check_quiet(browser, url)
    finally:
        browser.close()


if __name__ == "__main__":
    checks = {"schema": check_schema, "openmetrics": check_openmetrics, "raw": check_raw,
              "page": check_page}
    checks[sys.argv[1]](*sys.argv[2:])
