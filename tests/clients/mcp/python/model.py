"""A model on this machine that asks for one tool after another, by a plan.

It answers as three services do: the Messages API of Anthropic, the Responses API of OpenAI and the
API of Gemini. The step is read from the conversation: as many results as it holds were asked for.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Model:
    """What it is to ask for, and what it was shown: the names of the tools, and the results."""

    def __init__(self, plan):
        self.plan = plan
        self.tools = {}
        self.results = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                model.answer(self, json.loads(body or b"{}"))

            def do_GET(self):
                sent(self, "application/json", json.dumps({"data": [], "models": []}))

            def do_HEAD(self):
                sent(self, "text/plain", "")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request, body):
        path = request.path.split("?")[0]
        if path.endswith("/v1/messages"):
            tools, results = anthropic_seen(body)
            written = anthropic
        elif path.endswith("/responses"):
            tools, results = openai_seen(body)
            written = openai
        elif "GenerateContent" in path or "generateContent" in path:
            tools, results = gemini_seen(body)
            written = gemini
        else:
            sent(request, "application/json", json.dumps({"input_tokens": 1, "totalTokens": 1}))
            return
        call = self.next_call(tools, results)
        sent(request, *written(call, len(results), streamed(path, body)))

    def next_call(self, tools, results):
        """The tool that is next and its arguments; nothing where a side question has no tools."""
        ours = {short: full for full in tools for short in TOOLS if full[-1].endswith(short)}
        if not ours:
            return None
        self.tools = ours
        if len(results) > len(self.results):
            self.results = results
        if len(results) >= len(self.plan):
            return None
        tool, arguments = self.plan[len(results)]
        return (ours[tool], arguments) if tool in ours else None


TOOLS = ("describe_models", "list_records", "get_record", "query_records")
DONE = "That is all."


def streamed(path, body):
    return bool(body.get("stream")) or "stream" in path


def sent(request, kind, text):
    text = text.encode()
    request.send_response(200)
    request.send_header("content-type", kind)
    request.send_header("content-length", str(len(text)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(text)


def events(all, named=True):
    lines = (
        (f"event: {it['type']}\n" if named else "") + f"data: {json.dumps(it)}\n\n" for it in all
    )
    return "text/event-stream", "".join(lines)


def anthropic_seen(body):
    parts = [
        part
        for message in body.get("messages", [])
        if isinstance(message["content"], list)
        for part in message["content"]
    ]
    results = [json.dumps(part) for part in parts if part.get("type") == "tool_result"]
    return [(tool["name"],) for tool in body.get("tools", []) if "name" in tool], results


def anthropic(call, step, stream):
    if call:
        (name,), arguments = call
        part = {"type": "tool_use", "id": f"toolu_{step}", "name": name, "input": arguments}
        begun, piece = {**part, "input": {}}, {
            "type": "input_json_delta", "partial_json": json.dumps(arguments)}
    else:
        part = {"type": "text", "text": DONE}
        begun, piece = {**part, "text": ""}, {"type": "text_delta", "text": DONE}
    reason = "tool_use" if call else "end_turn"
    message = {
        "id": f"msg_{step}", "type": "message", "role": "assistant", "model": "trial",
        "content": [part], "stop_reason": reason, "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    if not stream:
        return "application/json", json.dumps(message)
    return events([
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": begun},
        {"type": "content_block_delta", "index": 0, "delta": piece},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
         "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ])


def openai_seen(body):
    tools = []
    for tool in body.get("tools", []):
        if tool.get("type") == "namespace":
            tools += [(tool["name"], inner["name"]) for inner in tool["tools"]]
        elif "name" in tool:
            tools.append((tool["name"],))
    given = body.get("input", [])
    given = given if isinstance(given, list) else []
    results = [json.dumps(it) for it in given if it.get("type") == "function_call_output"]
    return tools, results


def openai(call, step, _):
    if call:
        name, arguments = call
        item = {"type": "function_call", "id": f"fc_{step}", "call_id": f"call_{step}",
                "name": name[-1], "arguments": json.dumps(arguments)}
        if len(name) > 1:
            item["namespace"] = name[0]
    else:
        item = {"type": "message", "id": f"msg_{step}", "role": "assistant",
                "content": [{"type": "output_text", "text": DONE}]}
    usage = {"input_tokens": 1, "input_tokens_details": None, "output_tokens": 1,
             "output_tokens_details": None, "total_tokens": 2}
    return events([
        {"type": "response.created", "response": {"id": f"resp_{step}"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed",
         "response": {"id": f"resp_{step}", "usage": usage, "output": [item]}},
    ])


def gemini_seen(body):
    tools = [
        (declared["name"],)
        for tool in body.get("tools", [])
        for declared in tool.get("functionDeclarations", [])
    ]
    parts = [part for content in body.get("contents", []) for part in content.get("parts", [])]
    return tools, [json.dumps(part) for part in parts if "functionResponse" in part]


def gemini(call, step, stream):
    if call:
        (name,), arguments = call
        part = {"functionCall": {"id": f"call-{step}", "name": name, "args": arguments}}
    else:
        part = {"text": DONE}
    answer = {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP",
                        "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        "modelVersion": "trial",
    }
    return events([answer], named=False) if stream else ("application/json", json.dumps(answer))
