"""AutoGen's tools, with the arguments checked by the models that it makes of the schemas."""

from contextlib import asynccontextmanager

from autogen_core import CancellationToken
from autogen_ext.tools.mcp import StreamableHttpServerParams, mcp_server_tools
from trial import BEARER, trial


class Client:
    def __init__(self, url):
        self.params = StreamableHttpServerParams(url=url, headers=BEARER)
        self.tools = {}

    async def names(self):
        self.tools = {tool.name: tool for tool in await mcp_server_tools(self.params)}
        return list(self.tools)

    async def call(self, tool, arguments):
        if not self.tools:
            await self.names()
        return str(await self.tools[tool].run_json(arguments, CancellationToken()))


@asynccontextmanager
async def connect(url):
    yield Client(url)


trial(connect)
