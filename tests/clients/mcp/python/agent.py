"""Agents that need a model: a plan stands for it (model.py), on this machine alone.

Each is configured by the block that `lucarne config` prints for it, and runs without a terminal.
"""

import json
import os
import pathlib
import subprocess
import tempfile

from model import Model
from trial import LIMITED, TOKEN, TOOLS, URL, Wrong, holds

PLACE = pathlib.Path(os.environ["CLIENT_FOLDER"])
CLIENT = os.environ["CLIENT"]
ASKED = "Ask the database."
GET = ("get_record", {"model": "people", "id": "2"})
PLAN = [
    ("list_records", {"model": "people"}),
    ("get_record", {"model": "people", "id": 2}),
    ("query_records", {"model": "people", "filters": {"age": {"$gte": 30, "$lt": 50}},
                       "sort": ["-age"], "fields": ["id", "name"], "limit": 1}),
    ("get_record", {"model": "people", "id": "999"}),
    GET,
]


def claude(home, block, model):
    (home / ".mcp.json").write_text(block)
    return {
        "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_API_KEY": "none",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "ENABLE_TOOL_SEARCH": "false",
    }, ["-p", ASKED, "--mcp-config", ".mcp.json", "--strict-mcp-config",
        "--allowedTools", *(f"mcp__lucarne__{tool}" for tool in sorted(TOOLS))]


def codex(home, block, model):
    (home / ".codex").mkdir()
    provider = (
        'model = "gpt-5"\nmodel_provider = "trial"\napproval_policy = "never"\n'
        f'[model_providers.trial]\nname = "trial"\nbase_url = "{model.url}/v1"\n'
        'wire_api = "responses"\nenv_key = "MODEL_KEY"\n'
    )
    (home / ".codex/config.toml").write_text(provider + block)
    return {"MODEL_KEY": "none"}, ["exec", "--skip-git-repo-check", ASKED]


def gemini(home, block, model):
    settings = json.loads(block)
    settings["security"] = {"auth": {"selectedType": "gemini-api-key"}}
    settings["privacy"] = {"usageStatisticsEnabled": False}
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text(json.dumps(settings))
    return {
        "GOOGLE_GEMINI_BASE_URL": model.url,
        "GEMINI_API_KEY": "none",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
    }, ["-m", "gemini-2.5-flash", "--approval-mode", "yolo", "-p", ASKED]


def run(url, plan):
    """The model after it, and what the agent said."""
    model = Model(plan)
    home = pathlib.Path(tempfile.mkdtemp(prefix="lucarne-agent-"))
    printed = subprocess.run(
        [os.environ["LUCARNE"], "config", CLIENT, "--url", url.removesuffix("/mcp")],
        cwd=home, env={}, check=True, capture_output=True, text=True,
    )
    own, arguments = globals()[CLIENT](home, printed.stdout, model)
    # Whatever would leave the machine meets a proxy that is not there.
    dead = "http://127.0.0.1:9"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "MCP_TOKEN": TOKEN, "TERM": "dumb",
        "HTTPS_PROXY": dead, "HTTP_PROXY": dead, "NO_PROXY": "127.0.0.1,localhost", **own,
    }
    try:
        done = subprocess.run(
            [PLACE / "node_modules/.bin" / CLIENT, *arguments], cwd=home, env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=80,
        )
        said = f"{done.stdout} {done.stderr}"
    except subprocess.TimeoutExpired as over:
        said = f"no end within 80 s: {over.stdout} {over.stderr}"
    return model, said


def steps(say):
    model, said = run(URL, PLAN)
    if not model.tools:
        # On a busy machine an agent may ask its model before it has reached the service.
        model, said = run(URL, PLAN)
    if not model.tools:
        raise Wrong(f"no tools were shown to the model: {said[-400:]}")
    say("list", None if TOOLS <= set(model.tools) else f"only {sorted(model.tools)}")
    results = model.results + [f"no result: {said[-300:]}"] * len(PLAN)
    holds(results[0], "Mira")
    if "Noor" in results[1]:
        say("get", None)
    else:
        holds(results[4], "Noor")
        say("get", "ok, with the number as text")
    holds(results[2], "Edda")
    say("query", None)
    holds(results[3], "not found", "not_found")
    holds(results[4], "Noor")
    say("error", None)
    model, said = run(LIMITED, [GET] * 4)
    results = model.results + [f"no result: {said[-300:]}"] * 4
    if "Noor" in results[3]:
        raise Wrong("the limit did not come")
    told = any(word in results[3] for word in ("Rate limit exceeded", "429"))
    say("limit", None if told else f"ok, but the model reads {results[3][:160]!r}")


def main():
    done = []

    def say(step, wrong):
        done.append(step)
        print(f"{step}\t{wrong or 'ok'}".replace("\n", " "), flush=True)

    try:
        steps(say)
    except Exception as error:
        left = [it for it in ("list", "get", "query", "error", "limit") if it not in done]
        say(left[0], f"{type(error).__name__}: {str(error)[:200]}")


main()
