"""LlamaIndex: its tools, with the models that it makes of the schemas."""

from contextlib import asynccontextmanager

from llama_index.tools.mcp import BasicMCPClient, McpToolSpec
from trial import BEARER, trial


class Client:
    def __init__(self, url):
        self.spec = McpToolSpec(client=BasicMCPClient(url, headers=BEARER))
        self.tools = {}

    async def names(self):
        self.tools = {tool.metadata.name: tool for tool in await self.spec.to_tool_list_async()}
        return list(self.tools)

    async def call(self, tool, arguments):
        if not self.tools:
            await self.names()
        return str(await self.tools[tool].acall(**arguments))


@asynccontextmanager
async def connect(url):
    yield Client(url)


trial(connect)
