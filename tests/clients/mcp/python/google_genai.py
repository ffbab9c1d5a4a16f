"""Google's SDK: MCP tools as Gemini's declarations; the session is the official SDK's."""

from contextlib import asynccontextmanager

from google.genai import _mcp_utils
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from trial import BEARER, trial


class Client:
    def __init__(self, session):
        self.session = session

    async def names(self):
        tools = (await self.session.list_tools()).tools
        return [_mcp_utils.mcp_to_gemini_tool(tool).function_declarations[0].name for tool in tools]

    async def call(self, tool, arguments):
        return (await self.session.call_tool(tool, arguments)).content[0].text


@asynccontextmanager
async def connect(url):
    async with streamablehttp_client(url, headers=BEARER) as (reading, writing, _):
        async with ClientSession(reading, writing) as session:
            await session.initialize()
            yield Client(session)


trial(connect)
