"""FastMCP's client."""

from contextlib import asynccontextmanager

from fastmcp import Client as Fast
from fastmcp.client.transports import StreamableHttpTransport
from trial import BEARER, trial


class Client:
    def __init__(self, client):
        self.client = client

    async def names(self):
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, tool, arguments):
        return (await self.client.call_tool(tool, arguments)).content[0].text


@asynccontextmanager
async def connect(url):
    async with Fast(StreamableHttpTransport(url, headers=BEARER)) as client:
        yield Client(client)


trial(connect)
