"""OpenAI Agents: the tools as its runner makes them, with strict schemas."""

from contextlib import asynccontextmanager
import json

from agents.mcp import MCPServerStreamableHttp, MCPUtil
from trial import BEARER, trial


class Client:
    def __init__(self, server):
        self.server = server

    async def names(self):
        tools = await self.server.list_tools()
        return [MCPUtil.to_function_tool(tool, self.server, True).name for tool in tools]

    async def call(self, tool, arguments):
        result = await self.server.call_tool(tool, arguments)
        return result.content[0].text


@asynccontextmanager
async def connect(url):
    params = {"url": url, "headers": BEARER}
    async with MCPServerStreamableHttp(params, client_session_timeout_seconds=20) as server:
        yield Client(server)


trial(connect)
