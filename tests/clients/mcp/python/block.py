"""Takes a block as `lucarne config` prints it, and prints the names of the tools.

    block.py langchain|openai-agents|generic BLOCK
"""

import asyncio
import json
import os
import sys

CLIENT, BLOCK = sys.argv[1:]


async def langchain():
    names = {}
    exec(BLOCK, names)
    return [tool.name for tool in await names["client"].get_tools()]


async def openai_agents():
    names = {}
    exec(BLOCK, names)
    async with names["lucarne"] as server:
        return [tool.name for tool in await server.list_tools()]


async def generic():
    from fastmcp import Client

    async with Client(json.loads(os.path.expandvars(BLOCK))) as client:
        return [tool.name for tool in await client.list_tools()]


for name in asyncio.run(globals()[CLIENT.replace("-", "_")]()):
    print(name)
