// What clients ask with.

import { ask as administer, parse } from './api.js';

const place = path => new URL(`../${path}`, document.baseURI);

// A socket that is opened when it is first asked.
export class Wire {
  constructor(token) {
    this.token = token;
    this.opened = null;
    this.waiting = [];
  }

  async ask(request) {
    const socket = await (this.opened ??= this.open());
    const answered = new Promise((done, failed) => this.waiting.push({ done, failed }));
    socket.send(JSON.stringify(request));
    return answered;
  }

  open() {
    const url = place('mcp/ws');
    url.protocol = url.protocol.replace('http', 'ws');
    return new Promise((done, failed) => {
      const socket = new WebSocket(url, ['lucarne', `mcp.auth.${this.token}`]);
      socket.onopen = () => done(socket);
      socket.onmessage = ({ data }) => this.waiting.shift()?.done(told(data));
      socket.onclose = ({ code, reason }) => {
        const why = new Error(reason || (code === 1006 ? 'It was not let in: is the token right, are there too many connections?' : `The socket was closed (${code}).`));
        this.opened = null;
        [{ failed }, ...this.waiting.splice(0)].forEach(it => it.failed(why));
      };
    });
  }

  close() {
    this.opened?.then(socket => socket.close(1000, 'stopped'), () => {});
  }
}

const told = (text, answer = parse(text)) => ({ answer, bytes: new Blob([text]).size });

const TOOLS = { list: 'list_records', get: 'get_record', query: 'query_records', describe: 'describe_models' };
export const call = ({ action, model, tool, params }) => ({
  jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool || TOOLS[action] || action, arguments: { model, ...params } },
});

export async function byMcp(token, request, signal) {
  const answer = await fetch(place('mcp'), {
    method: 'POST', signal, cache: 'no-store',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify(call(request)),
  });
  const text = await answer.text();
  const { result, error } = parse(text);
  if (!answer.ok) throw new Error(error?.message || error || `The service answered ${answer.status}.`);
  return told(text, error ? { status: 'error', error: error.message, code: error.data?.code } : { status: result.isError ? 'error' : 'ok', ...(result.structuredContent ?? parse(result.content[0].text)) });
}

export const asToken = async (token, request) => told(JSON.stringify(await administer(`/tokens/${encodeURIComponent(token)}/ask`, request, 'POST', parse)));
