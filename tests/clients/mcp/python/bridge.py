"""Bridges from pipes to HTTP, spoken to by raw messages, as a client that knows pipes alone would."""

import asyncio
import json
import os
import pathlib
from contextlib import asynccontextmanager

from trial import TOKEN, trial

PLACE = pathlib.Path(os.environ["CLIENT_FOLDER"])


def command(url):
    bearer = f"Bearer {TOKEN}"
    return {
        "remote": [PLACE / "node_modules/.bin/mcp-remote", url, "--header", f"Authorization: {bearer}",
                   "--transport", "http-only", "--allow-http"],
        "supergateway": [PLACE / "node_modules/.bin/supergateway", "--streamableHttp", url,
                         "--oauth2Bearer", TOKEN],
        "proxy": [PLACE / "bin/mcp-proxy", "--transport", "streamablehttp",
                  "--headers", "Authorization", bearer, url],
    }[os.environ["CLIENT"]]


class Client:
    def __init__(self, process):
        self.process = process
        self.id = 0

    async def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await self.process.stdin.drain()

    async def ask(self, method, params):
        self.id += 1
        await self.send({"id": self.id, "method": method, "params": params})
        while line := await self.process.stdout.readline():
            try:
                answer = json.loads(line)
            except ValueError:
                continue
            if answer.get("id") == self.id:
                return answer
        raise EOFError("the bridge ended")

    async def names(self):
        return [tool["name"] for tool in (await self.ask("tools/list", {}))["result"]["tools"]]

    async def call(self, tool, arguments):
        return json.dumps(await self.ask("tools/call", {"name": tool, "arguments": arguments}))


@asynccontextmanager
async def connect(url):
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *map(str, command(url)), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    client = Client(process)
    try:
        hello = {"protocolVersion": "2025-06-18", "capabilities": {},
                 "clientInfo": {"name": "trial", "version": "1"}}
        await client.ask("initialize", hello)
        await client.send({"method": "notifications/initialized"})
        yield client
    finally:
        if process.returncode is None:
            process.terminate()


trial(connect)
