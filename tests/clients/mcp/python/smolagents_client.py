"""smolagents, by mcpadapt."""

import asyncio
from contextlib import asynccontextmanager

from smolagents import MCPClient
from trial import BEARER, trial


class Client:
    def __init__(self, client):
        self.tools = {tool.name: tool for tool in client.get_tools()}

    async def names(self):
        return list(self.tools)

    async def call(self, tool, arguments):
        return str(await asyncio.to_thread(self.tools[tool], **arguments))


@asynccontextmanager
async def connect(url):
    server = {"url": url, "transport": "streamable-http", "headers": BEARER}
    client = await asyncio.to_thread(MCPClient, server, structured_output=False)
    try:
        yield Client(client)
    finally:
        await asyncio.to_thread(client.disconnect)


trial(connect)
