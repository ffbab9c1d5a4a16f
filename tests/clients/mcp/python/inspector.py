"""The Inspector's command line: a process for each question."""

import asyncio
import json
import os
import pathlib
from contextlib import asynccontextmanager

# Each process takes long to start.
os.environ["TRIAL_SECONDS"] = "170"

from trial import TOKEN, trial  # noqa: E402

BINARIES = pathlib.Path(os.environ["CLIENT_FOLDER"]) / "node_modules/.bin"


class Client:
    def __init__(self, url):
        self.url = url

    async def ask(self, *arguments):
        process = await asyncio.create_subprocess_exec(
            BINARIES / "mcp-inspector", "--cli", self.url, "--transport", "http",
            "--header", f"Authorization: Bearer {TOKEN}", *arguments,
            env={**os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def names(self):
        # With `--strict` it fails on schemas that other clients could not read.
        code, out, err = await self.ask("--method", "tools/list", "--strict")
        if code:
            raise ValueError(err)
        return [tool["name"] for tool in json.loads(out)["tools"]]

    async def call(self, tool, arguments):
        pairs = [
            f"{name}={value if isinstance(value, str) else json.dumps(value)}"
            for name, value in arguments.items()
        ]
        _, out, err = await self.ask(
            "--method", "tools/call", "--tool-name", tool, "--tool-arg", *pairs
        )
        return out + err


@asynccontextmanager
async def connect(url):
    yield Client(url)


trial(connect)
