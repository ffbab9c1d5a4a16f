// A service to look at, and a browser to look with.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const ROOT = new URL('../..', import.meta.url).pathname;
export const PROGRAM = process.env.LUCARNE || join(ROOT, 'target/debug/lucarne');
const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
export const TOKEN = 'the-token-of-an-operator';
export const SHARED = 'the-shared-token-of-clients';

export const VIEWS = ['', 'exposure', 'ask', 'tools', 'traffic', 'sockets', 'tenants', 'tokens', 'databases', 'audit', 'health', 'settings', 'connect'];

/** Rows that a careless page would run, break or be turned around by. */
const HOSTILE = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, note TEXT, password_hash TEXT)")
db.execute("CREATE TABLE tickets (id INTEGER PRIMARY KEY, title TEXT, company_id INTEGER, api_key TEXT)")
rows = ["<img src=x onerror=document.body.dataset.owned=1>", "javascript:alert(1)", "\\u202egnp.exe\\u2066", "</td></table><script>document.body.dataset.owned=2</script>", "x" * 65536, "=HYPERLINK(1)", "\\u0000\\u2028"]
for n, text in enumerate(rows):
    db.execute("INSERT INTO users (name, note, password_hash) VALUES (?, ?, 'x')", (text, text))
for n in range(40):
    db.execute("INSERT INTO tickets (title, company_id, api_key) VALUES (?, ?, 'k')", (f"ticket {n}", n % 3))
db.commit()
`;

/** A file of one tool, one of whose examples is right. */
export const TOOLS = `[[tool]]
name = "company_tickets"
description = "Tickets of one company, by their ids."
sql = "SELECT id, title FROM tickets WHERE company_id = :company ORDER BY id"
params.company = { type = "integer", description = "Which company" }
[[tool.example]]
params = { company = 2 }
rows = "13"
[[tool.example]]
params = { company = 2 }
rows = "99"
`;

/** A service of its own; `more` are variables of its environment. */
export async function serve(more = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lucarne-page-'));
  const file = join(folder, 'shop.db');
  execFileSync('python3', ['-c', HOSTILE, file]);
  const tools = join(folder, 'tools.toml');
  writeFileSync(tools, TOOLS);
  const variables = {
    MCP_TOOLS_FILE: tools,
    MCP_ENABLED: 'true', MCP_TOKEN: SHARED, DATABASE_URL: `sqlite:${file}`, MCP_ALLOWED_MODELS: 'users,tickets',
    MCP_LISTEN: '127.0.0.1:0', MCP_ADMIN_LISTEN: '127.0.0.1:0', MCP_ADMIN_TOKEN: TOKEN,
    MCP_STORE: `sqlite:${join(folder, 'store.db')}`, MCP_ENCRYPTION_KEY: 'ab'.repeat(32),
    MCP_DATABASE_FOLDER: folder, MCP_AUDIT_FILE: join(folder, 'audit.jsonl'), MCP_RATE_LIMIT: '0', ...more,
  };
  for (const [name, value] of Object.entries(variables)) if (value === null) delete variables[name];
  const write = (all) => writeFileSync(join(folder, '.env'), Object.entries(all).map(([name, value]) => `${name}=${value}\n`).join(''));
  write(variables);
  const child = spawn(PROGRAM, ['serve'], { cwd: folder, env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  const told = new Promise((resolve, reject) => {
    const read = (bytes) => {
      log += bytes;
      const admin = /metrics are at http:\/\/([^/]+)\/metrics/.exec(log)?.[1];
      const address = /listens on https?:\/\/(\S+)/.exec(log)?.[1];
      if (admin && address) resolve({ admin, address });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => reject(new Error(`the service ended (${code}): ${log}`)));
  });
  const { admin, address } = await told;
  const ask = async (path, body, method) => {
    const answer = await fetch(`http://${admin}/admin/api${path}`, {
      method: method || (body ? 'POST' : 'GET'),
      headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(told));
    return told.data;
  };
  return {
    folder, file, tools, address, admin, ask, variables,
    url: `http://${admin}/page/`,
    log: () => log,
    reload: (changed) => { write({ ...variables, ...changed }); child.kill('SIGHUP'); },
    end: async () => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A tenant with a database and two tokens, and a little of what they ask. */
export async function fill(service) {
  await service.ask('/tenants', { name: 'harbour', description: 'A help desk', rows: ['tickets.company_id in (1, 2)'] });
  await service.ask('/tenants/harbour/databases', { name: 'helpdesk', url: `sqlite:${service.file}`, models: 'users,tickets' });
  const agent = await service.ask('/tenants/harbour/tokens', { name: 'agent', models: ['tickets'] });
  const report = await service.ask('/tenants/harbour/tokens', { name: 'report', scopes: ['describe', 'read', 'operators', 'aggregate', 'expand'], expires_in_days: 30 });
  const requests = [
    { action: 'list', model: 'tickets', params: { limit: 5 } },
    { action: 'query', model: 'tickets', params: { filters: { id: { $gt: 3 } } } },
    { action: 'list', model: 'users' },
    { action: 'query', model: 'tickets', params: { fields: ['api_key'] } },
    { action: 'describe' },
  ];
  const { token } = agent;
  // Each try before that counts as a failure, and many failures make a stranger of whoever asks.
  await new Promise((resume) => setTimeout(resume, 1_500));
  for (let tries = 0; ; tries += 1) {
    try {
      await said(service.address, token, requests);
      break;
    } catch (error) {
      // A token that was made now is known in a second.
      if (tries > 40) throw error;
      await new Promise((resume) => setTimeout(resume, 100));
    }
  }
  await said(service.address, 'nobody-knows-this', [{ action: 'whoami' }]).catch(() => {});
  return { agent, report };
}

/** Asks by the program's own client, one after the other. */
export async function said(address, token, requests) {
  return requests.map((request) => {
    const { status, stdout, stderr } = spawnSync(PROGRAM, ['query', JSON.stringify(request), '--url', `ws://${address}`], {
      env: { PATH: process.env.PATH, MCP_TOKEN: token }, cwd: tmpdir(), encoding: 'utf8',
    });
    if (status > 1) throw new Error(stderr);
    return JSON.parse(stdout || stderr);
  });
}

/** A browser with nothing of anybody's in it. */
export const browser = () => chromium.launch({
  executablePath: CHROMIUM, headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});

/** A tab that keeps whatever goes wrong in it. */
export async function tab(from, options = {}) {
  const context = await from.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  const asked = [];
  page.on('console', (told) => { if (told.type() === 'error' || told.type() === 'warning') wrong.push(told.text()); });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('request', (request) => asked.push(request.url()));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const w = /** @type {any} */ (window);
      (w.violations ??= []).push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  if (process.env.PAGE_FOLDER) await fromDisk(page, process.env.PAGE_FOLDER);
  return { context, page, wrong, asked, violations: () => page.evaluate(() => /** @type {any} */ (window).violations || []) };
}

/** Serves the files of a folder in the place of those in the program, while they are written. */
async function fromDisk(page, folder) {
  await page.route('**/page/*/**', async (route) => {
    const name = /\/page\/[0-9a-f]+\/(.*)$/.exec(route.request().url())?.[1];
    if (!name || !existsSync(join(folder, name))) return route.continue();
    const kind = name.endsWith('.css') ? 'text/css' : name.endsWith('.svg') ? 'image/svg+xml' : 'text/javascript';
    return route.fulfill({ path: join(folder, name), contentType: kind });
  });
}

/** Opens the door. */
export async function enter(page, url, token = TOKEN, hash = '') {
  await page.goto(`${url}${hash}`);
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.locator('.frame h1').waitFor();
}

/** Goes to a view, and waits until nothing is waited for. */
export async function go(page, view) {
  await page.evaluate((to) => { location.hash = to; }, `#/${view}`);
  await page.waitForTimeout(60);
  await settled(page);
}
export const settled = (page) => page.waitForFunction(() => document.querySelector('.frame h1') && !document.querySelector('[aria-busy=true]'));
