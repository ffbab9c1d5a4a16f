"""LangChain's tools from langchain-mcp-adapters, and what its Gemini package makes of them."""

from contextlib import asynccontextmanager

from langchain_google_genai._function_utils import convert_to_genai_function_declarations
from langchain_mcp_adapters.client import MultiServerMCPClient
from trial import BEARER, trial


class Client:
    def __init__(self, url):
        server = {"transport": "streamable_http", "url": url, "headers": BEARER}
        self.client = MultiServerMCPClient({"lucarne": server})
        self.tools = {}

    async def names(self):
        tools = await self.client.get_tools()
        convert_to_genai_function_declarations(tools)
        self.tools = {tool.name: tool for tool in tools}
        return list(self.tools)

    async def call(self, tool, arguments):
        if not self.tools:
            await self.names()
        return str(await self.tools[tool].ainvoke(arguments))


@asynccontextmanager
async def connect(url):
    yield Client(url)


trial(connect)
