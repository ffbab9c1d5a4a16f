"""The official SDK, first generation."""

from contextlib import asynccontextmanager

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from trial import BEARER, trial


class Client:
    def __init__(self, session):
        self.session = session

    async def names(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, tool, arguments):
        return (await self.session.call_tool(tool, arguments)).content[0].text


@asynccontextmanager
async def connect(url):
    async with streamablehttp_client(url, headers=BEARER) as (reading, writing, _):
        async with ClientSession(reading, writing) as session:
            await session.initialize()
            yield Client(session)


trial(connect)
