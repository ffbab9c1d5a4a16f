"""The steps that every client library takes, whatever it is called with.

A library gives `connect(url)`, an asynchronous context manager, whose value lists the names of the
tools (`names`) and calls one (`call`), giving back what a model would read; an exception of the
library counts as read. Each step prints one line: its name, a tab, `ok` or what went wrong.
"""

import asyncio
import os
import threading

URL = os.environ["LUCARNE_URL"]
LIMITED = os.environ["LUCARNE_LIMITED_URL"]
TOKEN = os.environ["MCP_TOKEN"]
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SECONDS = int(os.environ.get("TRIAL_SECONDS", "40"))
TOOLS = {"describe_models", "list_records", "get_record", "query_records"}


class Wrong(Exception):
    """An answer that is not the one wanted."""


async def read(client, tool, arguments):
    try:
        return await client.call(tool, arguments)
    except Exception as error:
        told = f"{type(error).__name__}: {error} {error.__cause__ or ''}"
        while getattr(error, "exceptions", None):
            error = error.exceptions[0]
            told += f" {error}"
        return told


def holds(text, *wanted):
    if not any(part in str(text) for part in wanted):
        raise Wrong(f"{str(text)[:160]!r} has none of {wanted}")


async def steps(connect, say):
    async with connect(URL) as client:
        names = set(await client.names())
        say("list", None if TOOLS <= names else f"only {sorted(names)}")
        number = await read(client, "get_record", {"model": "people", "id": 2})
        text = "Noor"
        if text not in str(number):
            holds(await read(client, "get_record", {"model": "people", "id": "2"}), text)
            say("get", "ok, with the number as text")
        else:
            say("get", None)
        query = {
            "model": "people",
            "filters": {"age": {"$gte": 30, "$lt": 50}},
            "sort": ["-age"],
            "fields": ["id", "name"],
            "limit": 1,
        }
        found = await read(client, "query_records", query)
        holds(found, "Edda")
        say("query", None)
        holds(await read(client, "get_record", {"model": "people", "id": "999"}), "not found", "not_found")
        holds(await read(client, "get_record", {"model": "people", "id": "2"}), text)
        say("error", None)
    async with connect(LIMITED) as client:
        said = ""
        for _ in range(4):
            said = await read(client, "get_record", {"model": "people", "id": "2"})
        told = [word for word in ("Rate limit exceeded", "429") if word in str(said)]
        if text in str(said):
            raise Wrong("the limit did not come")
        names = set(await client.names())
        say("limit", None if told and TOOLS <= names else f"ok, but the model reads {str(said)[:100]!r}")


def trial(connect):
    done = []

    def say(step, wrong):
        done.append(step)
        print(f"{step}\t{wrong or 'ok'}".replace("\n", " "), flush=True)

    async def run():
        try:
            await steps(connect, say)
        except BaseException as error:
            broken(error)
        # Threads of a library that waits for ever would keep the process.
        os._exit(0)

    def broken(error):
        while getattr(error, "exceptions", None):
            error = error.exceptions[0]
        left = [step for step in ("list", "get", "query", "error", "limit") if step not in done]
        if left:
            say(left[0], f"{type(error).__name__}: {str(error)[:120]}")

    def late():
        broken(TimeoutError(f"no answer within {SECONDS} s"))
        os._exit(0)

    threading.Timer(SECONDS, late).start()
    asyncio.run(run())
