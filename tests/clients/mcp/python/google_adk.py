"""Google ADK: its tools, with the declarations that Gemini is given."""

from contextlib import asynccontextmanager

from google.adk.tools.mcp_tool.mcp_session_manager import StreamableHTTPConnectionParams
from google.adk.tools.mcp_tool.mcp_toolset import McpToolset
from trial import BEARER, trial


class Client:
    def __init__(self, toolset):
        self.toolset = toolset
        self.tools = {}

    async def names(self):
        self.tools = {tool.name: tool for tool in await self.toolset.get_tools()}
        for tool in self.tools.values():
            tool._get_declaration()
        return list(self.tools)

    async def call(self, tool, arguments):
        if not self.tools:
            await self.names()
        session = await self.toolset._mcp_session_manager.create_session(headers=None)
        return str(await session.call_tool(tool, arguments))


@asynccontextmanager
async def connect(url):
    params = StreamableHTTPConnectionParams(url=url, headers=BEARER)
    toolset = McpToolset(connection_params=params)
    try:
        yield Client(toolset)
    finally:
        await toolset.close()


trial(connect)
