"""mcpadapt, which CrewAI's adapter stands on: its pydantic models of the arguments."""

import asyncio
from contextlib import asynccontextmanager

from mcpadapt.core import MCPAdapt, ToolAdapter
from mcpadapt.utils.modeling import create_model_from_json_schema
from trial import BEARER, trial


class Adapter(ToolAdapter):
    def adapt(self, func, mcp_tool):
        model = create_model_from_json_schema(mcp_tool.inputSchema)

        def call(arguments):
            checked = model.model_validate(arguments).model_dump(exclude_unset=True)
            return func(checked).content[0].text

        return mcp_tool.name, call

    async def async_adapt(self, afunc, mcp_tool):
        raise NotImplementedError


class Client:
    def __init__(self, tools):
        self.tools = dict(tools)

    async def names(self):
        return list(self.tools)

    async def call(self, tool, arguments):
        return await asyncio.to_thread(self.tools[tool], arguments)


@asynccontextmanager
async def connect(url):
    server = {"url": url, "transport": "streamable-http", "headers": BEARER}
    adapt = MCPAdapt(server, Adapter())
    tools = await asyncio.to_thread(adapt.__enter__)
    try:
        yield Client(tools)
    finally:
        await asyncio.to_thread(adapt.__exit__, None, None, None)


trial(connect)
