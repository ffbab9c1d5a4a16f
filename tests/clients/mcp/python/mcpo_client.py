"""mcpo: each tool as a route of an HTTP API."""

import asyncio
import json
import os
import pathlib
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import asynccontextmanager

# It takes long to start, and is started twice.
os.environ["TRIAL_SECONDS"] = "150"

from trial import BEARER, trial  # noqa: E402

PLACE = pathlib.Path(os.environ["CLIENT_FOLDER"])


def fetched(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        return urllib.request.urlopen(request, timeout=20).read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


class Client:
    def __init__(self, url):
        self.url = url

    async def names(self):
        text = await asyncio.to_thread(fetched, f"{self.url}/openapi.json")
        return [path.strip("/") for path in json.loads(text)["paths"]]

    async def call(self, tool, arguments):
        return await asyncio.to_thread(fetched, f"{self.url}/{tool}", arguments)


@asynccontextmanager
async def connect(url):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [PLACE / "bin/mcpo", "--host", "127.0.0.1", "--port", str(port),
         "--server-type", "streamable-http", "--header", json.dumps(BEARER), "--", url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.1)
        yield Client(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()


trial(connect)
