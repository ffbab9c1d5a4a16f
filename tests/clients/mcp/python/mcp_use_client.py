"""mcp-use, by its adapter for LangChain."""

from contextlib import asynccontextmanager

from mcp_use import MCPClient
from mcp_use.agents.adapters.langchain_adapter import LangChainAdapter
from trial import BEARER, trial


class Client:
    def __init__(self, client):
        self.client = client
        self.tools = {}

    async def names(self):
        tools = await LangChainAdapter().create_tools(self.client)
        self.tools = {tool.name: tool for tool in tools}
        return list(self.tools)

    async def call(self, tool, arguments):
        if not self.tools:
            await self.names()
        return str(await self.tools[tool].ainvoke(arguments))


@asynccontextmanager
async def connect(url):
    client = MCPClient.from_dict({"mcpServers": {"lucarne": {"url": url, "headers": BEARER}}})
    try:
        yield Client(client)
    finally:
        await client.close_all_sessions()


trial(connect)
