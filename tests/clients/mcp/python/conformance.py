"""The official conformance suite: the scenarios that need no tools of its own server.

It can send no token, so it asks by a relay that adds one. Each scenario prints a line: its name and
revision, a tab, and how many of its checks passed.
"""

import http.client
import os
import pathlib
import re
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BINARIES = pathlib.Path(os.environ["CLIENT_FOLDER"]) / "node_modules/.bin"
SERVICE = urllib.parse.urlsplit(os.environ["LUCARNE_URL"]).netloc
LISTS = ["tools-list", "resources-list", "prompts-list"]
BEFORE = ["server-initialize", "ping", *LISTS]
SCENARIOS = {
    "2025-06-18": BEFORE,
    "2025-11-25": [
        *BEFORE, "dns-rebinding-protection", "server-session-lifecycle", "server-sse-multiple-streams",
    ],
    "2026-07-28": [
        *LISTS, "dns-rebinding-protection", "server-sse-multiple-streams", "caching",
        "http-header-validation", "sep-2164-resource-not-found",
        "input-required-result-unsupported-methods", "server-stateless",
    ],
}


class Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def passed_on(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {**dict(self.headers.items()), "Authorization": f"Bearer {os.environ['MCP_TOKEN']}"}
        service = http.client.HTTPConnection(SERVICE)
        service.request(self.command, self.path, body, headers)
        answer = service.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "keep-alive"):
                self.send_header(name, value)
        # What has no length, a stream, ends with its connection.
        self.send_header("connection", "close")
        self.end_headers()
        try:
            while part := answer.read1(65536):
                self.wfile.write(part)
                self.wfile.flush()
        except OSError:
            pass
        service.close()
        self.close_connection = True

    do_GET = do_POST = do_DELETE = do_OPTIONS = passed_on


def checked(scenario, revision, url):
    done = subprocess.run(
        [BINARIES / "conformance", "server", "--url", url, "--scenario", scenario,
         "--spec-version", revision],
        env={**os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )
    said = done.stdout + done.stderr
    if os.environ.get("VERBOSE"):
        print(said)
    passed = re.search(r"Passed: (\d+)/(\d+)", said)
    if not passed:
        applies = "not applicable" if "not applicable" in said else f"no result: {said[-120:]}"
        return applies.replace("\n", " ")
    warned = re.search(r"(\d+) warnings?", said)
    warned = f", {warned[0]}" if warned and warned[1] != "0" else ""
    failures = re.findall(r"\[([\w-]+)\s*\]\s*FAILURE", said)
    failed = f" (not: {', '.join(failures)})" if failures else ""
    return f"{passed[1]} of {passed[2]}{warned}{failed}"


def main():
    relay = ThreadingHTTPServer(("127.0.0.1", int(os.environ["RELAY_PORT"])), Relay)
    threading.Thread(target=relay.serve_forever, daemon=True).start()
    url = f"http://localhost:{relay.server_port}/mcp"
    for revision, scenarios in SCENARIOS.items():
        for scenario in scenarios:
            print(f"{scenario} {revision}\t{checked(scenario, revision, url)}", flush=True)


main()
