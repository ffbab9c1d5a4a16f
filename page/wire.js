// What clients ask with: a WebSocket of the native dialect, or MCP over HTTP.

import { ask as administer } from './api.js';

/** The place of a route of clients, on this listener. */
const place = path => new URL(`../${path}`, document.baseURI);

/** A socket that is opened when it is first asked, and answers in order. */
export class Wire {
  
  constructor(token) {
    this.token = token;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {{ done: (answer: any) => void, failed: (why: Error) => void }[]} */
    this.waiting = [];
  }

  
  async ask(request) {
    const socket = await this.open();
    const answered = new Promise((done, failed) => this.waiting.push({ done, failed }));
    socket.send(JSON.stringify(request));
    return answered;
  }

  
  open() {
    if (this.socket && this.socket.readyState <= 1) {
      const socket = this.socket;
      return socket.readyState === 1 ? Promise.resolve(socket)
        : new Promise((done, failed) => { socket.addEventListener('open', () => done(socket)); socket.addEventListener('close', () => failed(new Error('It was not let in.'))); });
    }
    const url = place('mcp/ws');
    url.protocol = url.protocol.replace('http', 'ws');
    return new Promise((done, failed) => {
      const socket = new WebSocket(url, ['lucarne', `mcp.auth.${this.token}`]);
      this.socket = socket;
      socket.onopen = () => done(socket);
      socket.onmessage = ({ data }) => this.waiting.shift()?.done({ answer: JSON.parse(data), bytes: new Blob([data]).size });
      socket.onclose = ({ code, reason }) => {
        const why = new Error(reason || (code === 1006 ? 'It was not let in: is the token right, and are there not too many connections?' : `The socket was closed (${code}).`));
        failed(why);
        this.waiting.splice(0).forEach(it => it.failed(why));
      };
    });
  }

  close() {
    this.socket?.close(1000, 'stopped');
    this.socket = null;
  }
}

const TOOLS = /** @type {Record<string, string>} */ ({ list: 'list_records', get: 'get_record', query: 'query_records', describe: 'describe_models' });
/** The call of MCP that a request is. */
export const call = request => ({
  jsonrpc: '2.0', id: 1, method: 'tools/call',
  params: { name: request.tool || TOOLS[request.action] || request.action, arguments: { ...(request.model ? { model: request.model } : {}), ...request.params } },
});

/** Asks by MCP. */
export async function byMcp(token, request, signal) {
  const answer = await fetch(place('mcp'), {
    method: 'POST', signal, cache: 'no-store',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify(call(request)),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(JSON.parse(text).error?.message || JSON.parse(text).error || `The service answered ${answer.status}.`);
  const { result, error } = JSON.parse(text);
  if (error) return { answer: { status: 'error', error: error.message, code: error.data?.code }, bytes: text.length };
  const content = result.structuredContent ?? JSON.parse(result.content[0].text);
  return { answer: { status: result.isError ? 'error' : 'ok', ...content }, bytes: text.length };
}

/** Asks as a token of the store would, without its secret. */
export async function asToken(token, request) {
  const answer = await administer(`/tokens/${encodeURIComponent(token)}/ask`, request);
  return { answer, bytes: JSON.stringify(answer).length };
}

