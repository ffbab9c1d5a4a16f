"""CrewAI, by the adapter of its own tools."""

import asyncio
import os
from contextlib import asynccontextmanager

# It is large, and tells its makers of each run.
os.environ.update(TRIAL_SECONDS="150", CREWAI_DISABLE_TELEMETRY="true", OTEL_SDK_DISABLED="true")

from crewai_tools import MCPServerAdapter  # noqa: E402
from trial import BEARER, trial  # noqa: E402


class Client:
    def __init__(self, tools):
        self.tools = {tool.name: tool for tool in tools}

    async def names(self):
        return list(self.tools)

    async def call(self, tool, arguments):
        return str(await asyncio.to_thread(self.tools[tool].run, **arguments))


@asynccontextmanager
async def connect(url):
    server = {"url": url, "transport": "streamable-http", "headers": BEARER}
    adapter = await asyncio.to_thread(MCPServerAdapter, server)
    try:
        yield Client(adapter.tools)
    finally:
        await asyncio.to_thread(adapter.stop)


trial(connect)
