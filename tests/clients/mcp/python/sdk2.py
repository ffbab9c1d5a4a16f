"""The official SDK, second generation."""

from contextlib import asynccontextmanager

import httpx2
from mcp import Client as Sdk
from mcp.client.streamable_http import streamable_http_client
from trial import BEARER, trial


class Client:
    def __init__(self, client):
        self.client = client

    async def names(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, tool, arguments):
        return (await self.client.call_tool(tool, arguments)).content[0].text


@asynccontextmanager
async def connect(url):
    async with httpx2.AsyncClient(headers=BEARER) as http:
        async with Sdk(streamable_http_client(url, http_client=http)) as client:
            yield Client(client)


trial(connect)
