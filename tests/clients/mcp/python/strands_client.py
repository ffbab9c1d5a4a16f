"""Strands Agents."""

import asyncio
from contextlib import asynccontextmanager

from strands.tools.mcp import MCPClient
from trial import BEARER, trial


class Client:
    def __init__(self, client):
        self.client = client

    async def names(self):
        return [tool.tool_name for tool in await asyncio.to_thread(self.client.list_tools_sync)]

    async def call(self, tool, arguments):
        result = await self.client.call_tool_async("1", tool, arguments)
        return result["content"][0]["text"]


@asynccontextmanager
async def connect(url):
    client = MCPClient(url=url, headers=BEARER)
    await asyncio.to_thread(client.__enter__)
    try:
        yield Client(client)
    finally:
        await asyncio.to_thread(client.__exit__, None, None, None)


trial(connect)
