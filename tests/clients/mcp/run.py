#!/usr/bin/env python3
"""Runs the real clients against the service, and writes the table of docs/mcp.md.

    python3 tests/clients/mcp/run.py [NAME ...] [--folder /tmp/lucarne-clients] [--write]

Each client is installed by pip or npm into a folder of its own outside of the repository, lists the
tools, gets a record by a number, makes a query with operators, survives an error and a 429. The
official conformance suite is run as well (`conformance`). Without names all are run. `--write` puts
the rows into docs/mcp.md; rows of clients that were not run stay. LUCARNE names the binary, else
target/debug/lucarne. With uv on the path Python's packages are installed by it, which is faster.
"""

import argparse
import datetime
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
TOKEN = "token-of-the-trial-of-clients"
STEPS = ["list", "get", "query", "error", "limit"]
SUITE = ("Conformance suite", "npm", "conformance",
         ["@modelcontextprotocol/conformance@0.2.0-alpha.12", "node@22"], "conformance.py")

# What is shown, its registry, the folder, what is installed (the first names the version), script.
CLIENTS = [
    ("Official SDK, Python", "pip", "mcp1", ["mcp<2"], "sdk1.py"),
    ("Official SDK, Python", "pip", "mcp2", ["mcp>=2"], "sdk2.py"),
    ("Official SDK, TypeScript", "npm", "sdk1", ["@modelcontextprotocol/sdk"], "sdk1.mjs"),
    ("Official SDK, TypeScript", "npm", "client2", ["@modelcontextprotocol/client"], "sdk2.mjs"),
    ("mcp-remote", "npm", "remote", ["mcp-remote"], "bridge.py"),
    ("supergateway", "npm", "supergateway", ["supergateway"], "bridge.py"),
    ("mcp-proxy", "pip", "proxy", ["mcp-proxy"], "bridge.py"),
    ("LangChain, Python", "pip", "langchain",
     ["langchain-mcp-adapters", "langchain-core", "langchain-google-genai"], "langchain_client.py"),
    ("LangChain, JavaScript", "npm", "langchain",
     ["@langchain/mcp-adapters", "@langchain/core", "@langchain/google-common"], "langchain.mjs"),
    ("OpenAI Agents", "pip", "agents", ["openai-agents"], "openai_agents.py"),
    ("AutoGen", "pip", "autogen", ["autogen-ext[mcp]", "autogen-core", "autogen-agentchat", "mcp<2"],
     "autogen_client.py"),
    ("mcpadapt", "pip", "mcpadapt", ["mcpadapt", "smolagents", "mcp<2"], "mcpadapt_client.py"),
    ("CrewAI", "pip", "crewai", ["crewai-tools[mcp]", "mcp<2"], "crewai_client.py"),
    ("smolagents", "pip", "mcpadapt", ["smolagents", "mcpadapt", "mcp<2"], "smolagents_client.py"),
    ("LlamaIndex", "pip", "llama", ["llama-index-tools-mcp"], "llama_index_client.py"),
    ("Strands Agents", "pip", "strands", ["strands-agents"], "strands_client.py"),
    ("mcp-use", "pip", "mcpuse", ["mcp-use"], "mcp_use_client.py"),
    ("FastMCP", "pip", "fastmcp", ["fastmcp"], "fastmcp_client.py"),
    ("Google Gen AI", "pip", "genai", ["google-genai", "mcp<2"], "google_genai.py"),
    ("Google ADK", "pip", "adk", ["google-adk", "mcp<2"], "google_adk.py"),
    ("AI SDK", "npm", "ai", ["@ai-sdk/mcp", "ai"], "ai.mjs"),
    ("Claude Code", "npm", "claude", ["@anthropic-ai/claude-code"], "agent.py"),
    ("Codex", "npm", "codex", ["@openai/codex"], "agent.py"),
    ("Gemini CLI", "npm", "gemini", ["@google/gemini-cli"], "agent.py"),
    ("mcpo", "pip", "mcpo", ["mcpo", "mcp<2", "fastapi<0.131"], "mcpo_client.py"),
    # Its newest versions need a newer Node than many machines have, so one comes with it.
    ("Inspector", "npm", "inspector", ["@modelcontextprotocol/inspector@2", "node@22"], "inspector.py"),
]

BINARY = os.environ.get("LUCARNE", str(ROOT / "target/debug/lucarne"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def made_database(folder):
    path = folder / "people.db"
    with sqlite3.connect(path) as database:
        database.executescript(
            "create table people (id integer primary key, name text, age int);"
            "insert into people values (1, 'Mira', 20), (2, 'Noor', 31), (3, 'Edda', 47);"
        )
    return f"sqlite:{path}"


def served(folder, url, **limits):
    """The service on a port of its own: the process and its address."""
    port = free_port()
    variables = {
        "PATH": os.environ["PATH"],
        "MCP_ENABLED": "true",
        "MCP_TOKEN": TOKEN,
        "MCP_ALLOWED_MODELS": "people",
        "DATABASE_URL": url,
        "MCP_LISTEN": f"127.0.0.1:{port}",
        **limits,
    }
    log = open(folder / f"{port}.log", "w")
    process = subprocess.Popen([BINARY, "serve"], env=variables, cwd=folder, stdout=log, stderr=log)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, f"http://127.0.0.1:{port}/mcp"
        time.sleep(0.05)
    sys.exit("the service did not start: " + (folder / f"{port}.log").read_text())


def name_of(package):
    """A package without its version and extras; the `@` of a scope stays."""
    return re.split(r"[<>=\[]|(?<=.)@", package)[0]


def installed(registry, place, packages):
    """Installs what is not there yet, and tells the version of the first package."""
    name = name_of(packages[0])
    if registry == "pip":
        python = place / "bin/python"
        if not python.exists():
            if uv := shutil.which("uv"):
                make, install = [uv, "venv", "-q", "-p", sys.executable], [uv, "pip", "install", "-q", "-p", python]
            else:
                make, install = [sys.executable, "-m", "venv"], [python, "-m", "pip", "install", "-q"]
            subprocess.run([*make, place], check=True)
            subprocess.run([*install, *packages], check=True)
        asked = f"import importlib.metadata as m; print(m.version({name!r}))"
        done = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True)
        return done.stdout.strip()
    if not (place / "node_modules" / name).exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text("{}")
        command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *packages]
        subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL)
    asked = f"console.log(JSON.parse(require('fs').readFileSync('node_modules/{name}/package.json')).version)"
    done = subprocess.run(["node", "-e", asked], cwd=place, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def tried(place, script, environment, seconds=240):
    """Runs one script, and gathers what it said of each step."""
    if script.endswith(".mjs"):
        command = ["node", HERE / "node" / script]
    else:
        own = place / "bin/python"
        command = [own if own.exists() else sys.executable, "-W", "ignore", HERE / "python" / script]
    try:
        done = subprocess.run(
            command, env=environment, cwd=place, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired as over:
        done = over
        done.stderr = f"no end within {seconds} s"
    output = done.stdout or ""
    output = output.decode() if isinstance(output, bytes) else output
    told = dict(line.split("\t", 1) for line in output.splitlines() if "\t" in line)
    if not told:
        told["list"] = "did not run: " + (done.stderr or "").strip()[-200:].replace("\n", " ")
    return told


def row(client, version, told):
    shown, _, _, packages, _ = client
    cells, notes = [], []
    for step in STEPS:
        said = told.get(step, "–")
        cells.append("ok" if said.startswith("ok") else "–" if said == "–" else "**no**")
        if said not in ("ok", "–"):
            notes.append(f"{step}: {said.removeprefix('ok, ')}")
    note = "; ".join(notes).replace("|", "/").replace("<", "‹").replace(">", "›")
    return f"| {shown} | `{name_of(packages[0])}` {version} | {today()} | {' | '.join(cells)} | {note} |"


def today():
    return datetime.date.today().isoformat()


def written(name, change):
    """Puts the lines that `change` makes of those in the page between two marks in their place."""
    page = ROOT / "docs/mcp.md"
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.read_text().split(begin)
    table, after = rest.split(end)
    lines = "\n".join(change(table.strip().splitlines()))
    page.write_text(f"{before}{begin}\n{lines}\n{end}{after}")


def merged(table, rows):
    """Each row in the place of the one of the same client and generation."""
    head, kept = [], {}
    for line in table:
        cells = line.split("|")
        if len(cells) > 3 and "`" in cells[2]:
            kept[key(line)] = line
        else:
            head.append(line)
    kept.update({key(line): line for line in rows})
    return head + [kept[name] for name in sorted(kept, key=place_of)]


def key(line):
    """A client and the generation of its package."""
    shown, package = [cell.strip() for cell in line.split("|")[1:3]]
    name, version = package.split(" ")
    return shown, name, version.split(".")[0]


def place_of(name):
    shown = [client[0] for client in CLIENTS]
    return (shown.index(name[0]) if name[0] in shown else len(shown), name)


class Trial:
    """One run of all that was asked for."""

    def __init__(self, options):
        self.folder = options.folder
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="lucarne-trial-"))
        self.url = made_database(self.work)

    def environment(self, folder, place, **more):
        return {
            **os.environ,
            "MCP_TOKEN": TOKEN,
            "LUCARNE": BINARY,
            "CLIENT": folder,
            "CLIENT_FOLDER": str(place),
            "NODE_PATH": str(place / "node_modules"),
            "HOME": str(self.work),
            "PYTHONPATH": str(HERE / "python"),
            **more,
        }

    def prepared(self, client):
        """Where a client is installed, and its version; none where it cannot be."""
        shown, registry, folder, packages, _ = client
        place = self.folder / registry / folder
        try:
            return place, installed(registry, place, packages)
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"SKIPPED {shown}: not installed ({error})", flush=True)
            return place, None

    def client(self, client):
        """The row of a client, and whether all went well."""
        _, _, folder, _, script = client
        place, version = self.prepared(client)
        if version is None:
            line = row(client, "–", {"list": "not installed"})
            return line, False
        # Windows are of an address: each client has a service of its own.
        open_one, address = served(self.work, self.url, MCP_RATE_LIMIT="0")
        limited, narrow = served(self.work, self.url, MCP_RATE_LIMIT="3", MCP_RATE_WINDOW="3600")
        try:
            own = {"LUCARNE_URL": address, "LUCARNE_LIMITED_URL": narrow}
            told = tried(place, script, self.environment(folder, place, **own))
        finally:
            open_one.terminate()
            limited.terminate()
        return row(client, version, told), all(told.get(step, "no").startswith("ok") for step in STEPS)

    def suite(self):
        """The lines of the conformance suite; none where it cannot be installed."""
        _, _, folder, _, script = SUITE
        place, version = self.prepared(SUITE)
        if version is None:
            return []
        relay = free_port()
        origin = f"http://localhost:{relay}"
        process, address = served(self.work, self.url, MCP_RATE_LIMIT="0", MCP_ALLOWED_ORIGINS=origin)
        own = {"LUCARNE_URL": address, "RELAY_PORT": str(relay)}
        try:
            told = tried(place, script, self.environment(folder, place, **own), 900)
        finally:
            process.terminate()
        head = [f"Version {version}, {today()}:", "", "| Scenario | Revision | Checks passed |", "| --- | --- | --- |"]
        return head + [f"| {' | '.join(step.split())} | {said} |" for step, said in told.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="scripts, folders or packages; none for all")
    parser.add_argument("--folder", default="/tmp/lucarne-clients", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    trial, failed = Trial(options), []

    def wanted(client):
        shown, _, folder, packages, script = client
        return not options.names or {folder, script, packages[0], shown} & set(options.names)

    for client in filter(wanted, CLIENTS):
        line, well = trial.client(client)
        print(line, flush=True)
        failed += [] if well else [client[0]]
        # A row at a time: a run that is broken off keeps what it saw.
        if options.write:
            written("clients", lambda table, line=line: merged(table, [line]))
    if wanted(SUITE):
        lines = trial.suite()
        print("\n".join(lines), flush=True)
        if options.write and lines:
            written("conformance", lambda _: lines)
    if failed:
        sys.exit("not all went well: " + ", ".join(failed))


if __name__ == "__main__":
    main()
