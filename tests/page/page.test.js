// The page in a real Chromium: every view by width, scheme and state; hostile rows; strangers.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import AxeBuilder from '@axe-core/playwright';
import { PROGRAM, SHARED, TOKEN, TOOLS, VIEWS, browser, enter, fill, go, said, serve, settled, tab } from './support.js';

let chromium;
before(async () => { chromium = await browser(); });
after(async () => { await chromium.close(); });

/** Sees that nothing went wrong in a tab, but for what was meant to. */
async function calm({ wrong, asked, violations, page }, url, allowed = /$^/) {
  assert.deepEqual(wrong.filter((it) => !allowed.test(it)), []);
  assert.deepEqual(await violations(), []);
  const own = new URL(url).host;
  assert.deepEqual(asked.filter((it) => !it.startsWith('blob:') && new URL(it).host !== own), []);
  assert.deepEqual(await page.context().cookies(), []);
}

/** What axe has against a view, told in a line each. */
async function axe(page) {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  return violations.map((it) => `${it.id}: ${it.nodes.map((node) => `${node.target} ${node.failureSummary?.split('\n')[1]}`).join(' | ')}`);
}

/** What stands out over the edge of the window, at 1.4.10's width too; a dialog does not make the page wider. */
const wider = (page) => page.evaluate(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const dialogs = [...document.querySelectorAll('dialog')].map((it) => Math.max(it.getBoundingClientRect().right, it.getBoundingClientRect().left + it.scrollWidth));
  return Math.max(scrollWidth, ...dialogs) - clientWidth;
});

const STATES = {
  full: { fill: true, ways: [[400, 'light'], [400, 'dark'], [1280, 'light'], [1280, 'dark']] },
  empty: { variables: { MCP_AUDIT_FILE: null, MCP_TOOLS_FILE: null }, ways: [[400, 'dark'], [1280, 'light']] },
  away: { variables: { DATABASE_URL: 'postgres://reader:secret@127.0.0.1:1/shop' }, ways: [[400, 'light'], [1280, 'dark']] },
};

for (const [state, { variables, fill: filled, ways }] of Object.entries(STATES)) {
  describe(`every view, ${state}`, () => {
    let service;
    before(async () => {
      service = await serve(variables);
      if (filled) await fill(service);
    });
    after(() => service?.end());
    test('by width and scheme', async () => {
      const it = await tab(chromium);
      /** Looks at what is shown now in every way. */
      const look = async (name) => {
        await it.page.setViewportSize({ width: 320, height: 900 });
        assert.ok(await wider(it.page) <= 0, `${name} is wider than 320 px by ${await wider(it.page)}`);
        for (const [width, colorScheme] of ways) {
          await it.page.setViewportSize({ width, height: 900 });
          await it.page.emulateMedia({ colorScheme });
          assert.ok(await wider(it.page) <= 0, `${name} is wider than ${width} px by ${await wider(it.page)}`);
          assert.deepEqual(await axe(it.page), [], `${name}, ${width} px, ${colorScheme}`);
        }
      };
      await it.page.goto(service.url);
      await look('the door');
      await enter(it.page, service.url);
      for (const view of VIEWS) {
        await go(it.page, view);
        await look(view || 'overview');
        const opens = it.page.getByRole('button', { name: /^New (tenant|token|database)$/ });
        for (const open of await opens.all()) {
          await open.click();
          await it.page.getByRole('dialog').waitFor();
          await look(`the form of ${view}`);
          await it.page.keyboard.press('Escape');
          await it.page.getByRole('dialog').waitFor({ state: 'detached' });
        }
      }
      await it.page.keyboard.press('?');
      await it.page.getByRole('dialog').waitFor();
      await look('the keys');
      // An audit that is not there is told so by its status, which browsers write down.
      await calm(it, service.url, state === 'empty' ? /status of 404/ : undefined);
      await it.context.close();
    });
  });
}

test('all files together are 40 KB as they would be compressed', () => {
  const root = new URL('../../page/', import.meta.url);
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((it) => it.isFile() && it.name !== 'LICENSES');
  const all = Buffer.concat(files.map((it) => readFileSync(`${it.parentPath ?? it.path}/${it.name}`)));
  const { length } = gzipSync(all, { level: 9 });
  assert.ok(length <= 40 * 1024, String(length));
});

describe('what is asked of it', () => {
  let service;
  let made;
  before(async () => {
    service = await serve({ MCP_ADMIN_READ: 'true' });
    made = await fill(service);
  });
  after(() => service?.end());

  test('the first view takes three files, and no other host', async () => {
    const it = await tab(chromium);
    let bytes = 0;
    it.page.on('response', async (answer) => { bytes += (await answer.body()).length; });
    const devtools = await it.context.newCDPSession(it.page);
    await devtools.send('Profiler.enable');
    await devtools.send('Profiler.startPreciseCoverage', { callCount: true });
    await it.page.goto(service.url);
    await it.page.waitForLoadState('networkidle');
    // Counts of work, for a loaded machine is slower: npm run figures tells the time of script.
    const { result } = await devtools.send('Profiler.takePreciseCoverage');
    const calls = result.flatMap((script) => script.functions).reduce((sum, { ranges: [{ count }] }) => sum + count, 0);
    assert.ok(calls > 0 && calls <= 50, `${calls} calls of functions`);
    assert.ok(it.asked.length <= 4, it.asked.join('\n'));
    assert.ok(bytes <= 16 * 1024, String(bytes));
    await calm(it, service.url);
    await it.context.close();
  });

  test('a tool is shown, its examples tried and called; what is wrong with a file that was refused is told', async () => {
    const it = await tab(chromium);
    const { page } = it;
    await enter(page, service.url);
    await go(page, 'tools');
    await page.getByText('company integer').waitFor();
    await page.getByText('id integer').waitFor();
    // Both examples are tried by the keyboard: one comes as it says, one does not.
    await page.getByRole('button', { name: 'Try all of company_tickets' }).press('Enter');
    await page.getByText('✓ as expected').waitFor();
    await page.getByText('✕ expected 99 rows, not 13').waitFor();
    assert.deepEqual(await axe(page), []);
    // The call of an example, its result, and the error of another one.
    await page.getByRole('link', { name: 'Call it as at tools.toml:6:1' }).press('Enter');
    await settled(page);
    await page.locator('form .bar select').first().selectOption('');
    await page.getByRole('textbox', { name: "Client's token" }).fill(SHARED);
    await page.keyboard.press('Control+Enter');
    await page.getByRole('cell', { name: 'ticket 38' }).waitFor();
    // What the tool takes became a field.
    const company = page.getByLabel('company', { exact: true });
    await company.fill('many');
    await company.press('Tab');
    assert.match(await page.getByLabel('The request').inputValue(), /"company": "many"/);
    await page.keyboard.press('Control+Enter');
    await page.getByText('✕ invalid_value').waitFor();
    assert.deepEqual(await axe(page), []);
    writeFileSync(service.tools, TOOLS.replace('FROM tickets', 'FROM secrets'));
    await go(page, 'tools');
    await page.waitForFunction(() => {
      /** @type {HTMLElement} */ (document.querySelector('.frame .top button')).click();
      return /tools\.toml:\d+:\d+: tool company_tickets/.test(document.body.innerText);
    }, null, { polling: 500, timeout: 20_000 });
    assert.match(await page.locator('.said').innerText(), /1 tool/);
    assert.deepEqual(await axe(page), []);
    writeFileSync(service.tools, TOOLS);
    await calm(it, service.url);
    await it.context.close();
  });

  test('a refusal opens to why, and the change that is told lets the next one through', async () => {
    const it = await tab(chromium);
    await enter(it.page, service.url);
    const ask = { action: 'query', model: 'tickets', params: { fields: ['id', 'api_key'], limit: 1 } };
    const [refused] = await said(service.address, made.agent.token, [ask]);
    assert.equal(refused.code, 'invalid_parameter');
    await go(it.page, 'traffic?code=refused');
    const row = it.page.locator('tr.opens', { hasText: 'api_key' }).first();
    await row.getByRole('button').click();
    await it.page.getByText('tickets.api_key is hidden by').waitFor();
    assert.match(await it.page.locator('.why .command').innerText(), /lucarne database update helpdesk --tenant harbour --reveal tickets\.api_key/);
    assert.deepEqual(await axe(it.page), []);
    await it.page.getByRole('button', { name: 'Do it here' }).press('Enter');
    await it.page.getByRole('button', { name: 'Change it' }).click();
    await it.page.locator('.why .yes').waitFor();
    for (let tries = 0; ; tries += 1) {
      const [answer] = await said(service.address, made.agent.token, [ask]);
      if (answer.status === 'ok') break;
      assert.ok(tries < 50, 'let through');
      await it.page.waitForTimeout(100);
    }
    await calm(it, service.url);
    await it.context.close();
  });

  test('two tokens are compared field by field, and their rows counted', async () => {
    const it = await tab(chromium);
    await enter(it.page, service.url, TOKEN, `#/exposure?token=${made.agent.id}&against=${made.report.id}`);
    await settled(it.page);
    await it.page.getByText('Only what differs').waitFor();
    await it.page.getByText('users.name').first().waitFor();
    await it.page.getByRole('button', { name: 'Count the rows of each' }).click();
    await it.page.getByLabel('Only what differs').uncheck();
    await it.page.getByText('26 rows').waitFor();
    assert.deepEqual(await axe(it.page), []);
    await calm(it, service.url);
    await it.context.close();
  });

  test('hostile rows are text and nothing else', async () => {
    const it = await tab(chromium);
    await enter(it.page, service.url, TOKEN, `#/ask?r=${encodeURIComponent(JSON.stringify({ action: 'list', model: 'users', params: { limit: 50 } }))}`);
    await settled(it.page);
    await it.page.getByRole('combobox', { name: 'As', exact: true }).selectOption('');
    await it.page.locator('#main input[type=password]').fill(SHARED);
    await it.page.getByRole('button', { name: 'Send' }).click();
    await it.page.getByText('7 rows').first().waitFor();
    for (const form of ['Table', 'Record', 'JSON']) {
      await it.page.getByRole('group', { name: 'Shown as' }).getByRole('button', { name: form }).click();
      const found = await it.page.evaluate(() => ({
        owned: document.body.dataset.owned, images: document.querySelectorAll('main img, main iframe, main script').length,
        links: [...document.querySelectorAll('main a')].map((link) => link.getAttribute('href')).filter((href) => !href?.startsWith('#')),
      }));
      assert.deepEqual(found, { owned: undefined, images: 0, links: [] }, form);
      assert.ok(await wider(it.page) <= 0, form);
    }
    await calm(it, service.url);
    await it.context.close();
  });

  test('a hint is applied by a button, by both ways of asking', async () => {
    const it = await tab(chromium);
    await enter(it.page, service.url, TOKEN, '#/ask');
    await settled(it.page);
    await it.page.getByRole('combobox', { name: 'As', exact: true }).selectOption('');
    await it.page.locator('#main input[type=password]').fill(SHARED);
    for (const by of ['ws', 'mcp']) {
      await it.page.getByRole('combobox', { name: 'by', exact: true }).selectOption(by);
      await it.page.getByLabel('The request').fill(JSON.stringify({ action: 'list', model: 'tickets', params: { filters: { titel: 'ticket 1' } } }));
      await it.page.keyboard.press('Control+Enter');
      await it.page.getByRole('button', { name: 'Ask with title' }).click();
      await it.page.getByText('1 row ·').waitFor();
    }
    await calm(it, service.url);
    await it.context.close();
  });

  test('numbers keep the digits that were typed and sent, in the form, the request, the answer and the copies', async () => {
    const [whole, part] = ['9223372036854775807', '12345678901234567.89'];
    for (const isOld of [false, true]) {
      const it = await tab(chromium);
      const { page } = it;
      // A browser that has no raw numbers shows and sends their digits as texts.
      if (isOld) await page.addInitScript(() => { delete (/** @type {any} */ (JSON).rawJSON); });
      const typed = (text) => isOld ? `"${text}"` : text;
      await enter(page, service.url, TOKEN, '#/ask');
      await settled(page);
      await page.getByRole('combobox', { name: 'As', exact: true }).selectOption('');
      await page.locator('#main input[type=password]').fill(SHARED);
      const bodies = [];
      /** The service's own answer, but for its rows. */
      const row = `{"id":${whole},"price":${part},"share":1.50,"list":[${whole}],"text":"${whole}"}`;
      const answer = `{"status":"ok","data":[${row}]}`;
      await page.routeWebSocket(/mcp\/ws/, (socket) => socket.onMessage((text) => { bodies.push(text); socket.send(answer); }));
      await page.route('**/mcp', (route) => {
        bodies.push(route.request().postData());
        return route.fulfill({ contentType: 'application/json', body: `{"jsonrpc":"2.0","id":1,"result":{"structuredContent":${answer}}}` });
      });
      await page.getByLabel('The request').fill(`{"action":"get","model":"tickets","params":{"id":${whole},"filters":{"id":{"$lt":${part}}}}}`);
      assert.equal(await page.getByLabel('Its key').inputValue(), whole);
      // What is typed in a field is written as it was typed.
      await page.getByLabel('Its key').fill(part);
      await page.getByLabel('Its key').press('Tab');
      await page.getByLabel('Its key').fill(whole);
      await page.getByLabel('Its key').press('Tab');
      for (const by of ['ws', 'mcp']) {
        await page.getByRole('combobox', { name: 'by', exact: true }).selectOption(by);
        await page.keyboard.press('Control+Enter');
        await page.getByText('1 row ·').waitFor();
        const cells = await page.locator('section').first().getByRole('cell').allInnerTexts();
        assert.deepEqual(cells, [whole, part, isOld ? '1.5' : '1.50', `[${typed(whole)}]`, whole], by);
        await page.getByRole('button', { name: 'JSON', exact: true }).click();
        assert.match(await page.locator('pre.block').first().innerText(), new RegExp(`"price": ${typed(part)},`));
        await page.getByRole('button', { name: 'Table', exact: true }).click();
        const asked = bodies.filter((body) => body.includes('filters'));
        assert.ok(asked.length && asked.every((body) => body.includes(`"id":${typed(whole)}`) && body.includes(`{"$lt":${typed(part)}}`)), asked.join('\n'));
      }
      for (const name of ['lucarne query', 'curl', 'Python', 'JavaScript', 'MCP']) {
        await page.getByRole('button', { name, exact: true }).click();
        const told = (await page.locator('section .command').first().innerText()).replaceAll('\\', '');
        for (const text of [whole, part]) assert.match(told, new RegExp(`: ?${typed(text)}[},\\s]`), name);
      }
      await it.context.close();
    }
    // As a token of the store it goes through the admin API.
    const it = await tab(chromium);
    await enter(it.page, service.url, TOKEN, `#/ask?r=${encodeURIComponent(`{"action":"list","model":"tickets","params":{"filters":{"id":${whole}}}}`)}`);
    await settled(it.page);
    const asking = it.page.waitForRequest(/\/ask$/);
    await it.page.route(/\/ask$/, (route) => route.fulfill({ contentType: 'application/json', body: `{"status":"ok","data":{"status":"ok","data":[{"id":${whole},"price":${part}}]}}` }));
    await it.page.keyboard.press('Control+Enter');
    assert.match((await asking).postData(), new RegExp(`"id":${whole}}`));
    await it.page.getByRole('cell', { name: whole, exact: true }).waitFor();
    await it.page.getByRole('cell', { name: part, exact: true }).waitFor();
    await it.context.close();
  });

  test('the life of a token by the keyboard alone', async () => {
    const it = await tab(chromium);
    const { page } = it;
    await page.goto(service.url);
    await page.keyboard.type(TOKEN);
    await page.keyboard.press('Enter');
    await page.locator('.frame h1').waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('k');
    await page.getByRole('heading', { name: 'Tokens' }).waitFor();
    await settled(page);
    /** Goes on until something of that name has the focus, which must be seen. */
    const reach = async (name, most = 80) => {
      for (let steps = 0; steps < most; steps += 1) {
        await page.keyboard.press('Tab');
        const at = await page.evaluate(() => {
          const it = document.activeElement;
          const box = it.getBoundingClientRect();
          const label = it.labels?.[0]?.textContent || it.getAttribute('aria-label') || it.textContent;
          return { name: label.trim().replace(/\s+/g, ' '), seen: box.width > 0 && getComputedStyle(it).outlineStyle !== 'none', top: box.top };
        });
        if (at.name.startsWith(name)) {
          assert.ok(at.seen, `${name}: the focus is seen`);
          return;
        }
      }
      assert.fail(`${name} is not reached`);
    };
    /** Sees that the focus is where a dialog was asked for. */
    const focused = (name) => page.waitForFunction((text) => document.activeElement.textContent.trim().replace(/\s+/g, ' ').startsWith(text), name);
    await reach('New token');
    await page.keyboard.press('Enter');
    await reach('Name');
    await page.keyboard.type('by-hand');
    await reach('aggregate');
    await page.keyboard.press('Space');
    await reach('Attributes');
    await page.keyboard.type('company = Acme Ltd.');
    await reach('Rate limit');
    await page.keyboard.type('600');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'The token' }).waitFor();
    const secret = await page.locator('dialog code').innerText();
    assert.ok(secret.length > 40);
    const { scopes, attributes, limits } = await service.ask('/tokens/by-hand');
    assert.deepEqual([scopes, attributes, limits.rate_limit], [['describe', 'read', 'aggregate'], { company: 'Acme Ltd.' }, 600]);
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // What is not touched is not sent, and what is emptied is taken away.
    await reach('Change by-hand');
    await page.keyboard.press('Enter');
    await reach('Rate limit');
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const changed = await service.ask('/tokens/by-hand');
    assert.deepEqual([changed.scopes, changed.attributes, changed.limits.rate_limit], [scopes, attributes, undefined]);
    await reach('Rotate by-hand');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Rotate by-hand?' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'The token' }).waitFor();
    assert.notEqual(await page.locator('dialog code').innerText(), secret);
    await page.keyboard.press('Escape');
    await focused('Rotate by-hand');
    await reach('Revoke by-hand');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Revoke by-hand?' }).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('tr', { hasText: 'by-hand' }).getByText('revoked').waitFor();
    await focused('Let in again by-hand');
    await reach('Remove by-hand');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Remove by-hand?' }).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('tr', { hasText: 'by-hand' }).waitFor({ state: 'detached' });
    // What had the focus is gone: it is at the head of the view.
    await focused('Tokens');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    // A key counts from the moment on that the dialog is closed.
    await page.keyboard.press('/');
    await page.waitForFunction(() => document.activeElement?.getAttribute('type') === 'search');
    await calm(it, service.url);
    await it.context.close();
  });

  test('what is wrong is said beside its field', async () => {
    const it = await tab(chromium);
    await enter(it.page, service.url, TOKEN, '#/databases');
    await settled(it.page);
    await it.page.getByRole('button', { name: 'New database' }).click();
    await it.page.getByLabel('Name', { exact: true }).fill('other');
    await it.page.getByLabel('URL').fill('postgres://u:planted@169.254.169.254/x');
    await it.page.getByLabel('Models').fill('users');
    await it.page.getByRole('button', { name: 'Save' }).click();
    const fault = it.page.locator('#url-fault');
    await fault.waitFor();
    assert.match(await fault.innerText(), /may not be connected to/);
    assert.equal(await it.page.getByLabel('URL').getAttribute('aria-describedby'), 'url-help url-fault');
    assert.deepEqual(await axe(it.page), []);
    await calm(it, service.url, /status of 400/);
    await it.context.close();
  });

  test('the blocks are those of lucarne config', async () => {
    const it = await tab(chromium);
    await enter(it.page, service.url, TOKEN, '#/connect');
    await settled(it.page);
    const url = `http://${service.address}`;
    const names = await it.page.getByRole('group', { name: 'Client' }).getByRole('button').allInnerTexts();
    assert.equal(names.length, 12, names.join());
    for (const name of names) {
      await it.page.getByRole('button', { name, exact: true }).click();
      const [block, command] = await it.page.locator('.command code').allInnerTexts();
      const told = execFileSync(PROGRAM, command.split(' ').slice(1), { encoding: 'utf8', cwd: service.folder, stdio: ['ignore', 'pipe', 'ignore'] });
      assert.equal(told.trim(), block.trim(), name);
      assert.ok(block.includes(`${url}/mcp`), name);
    }
    await it.context.close();
  });

  test('a wrong token is told so, and so is one that is revoked while the page is open', async () => {
    const it = await tab(chromium);
    /** Waits until the token of the others is what it was. */
    const valid = async () => {
      for (let tries = 0; ; tries += 1) {
        if (await service.ask('/scopes').then(() => true, () => false)) return;
        assert.ok(tries < 100, 'the reload is in force');
        await it.page.waitForTimeout(100);
      }
    };
    await it.page.goto(service.url);
    await it.page.getByLabel('Token', { exact: true }).fill('wrong');
    await it.page.getByRole('button', { name: 'Open' }).click();
    await it.page.getByText('This token does not administer').waitFor();
    await it.page.getByLabel('Keep in this tab').check();
    await enter(it.page, service.url);
    service.reload({ MCP_ADMIN_TOKEN: 'another-token-of-operators' });
    // The stream of the traffic ends by itself, and what follows is refused.
    await it.page.getByText('not valid any more').waitFor({ timeout: 20_000 });
    assert.equal(await it.page.locator('.frame').count(), 0);
    assert.equal(await it.page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(await axe(it.page), []);
    service.reload({});
    await valid();
    // Where so many failed before that an address has to wait, a token that is wrong is told so too.
    await enter(it.page, service.url);
    for (let failures = 0; failures < 12; failures += 1) await fetch(`http://${service.admin}/admin/api/scopes`, { headers: { Authorization: 'Bearer wrong' } });
    service.reload({ MCP_ADMIN_TOKEN: 'another-token-of-operators' });
    await it.page.getByText('not valid any more').waitFor({ timeout: 20_000 });
    service.reload({});
    await valid();
    await calm(it, service.url, /status of (401|429)/);
    await it.context.close();
  });
});

/** Each way to fail, and what is said of it. */
const FAILURES = {
  'the service refuses': { answer: (route) => route.fulfill({ status: 503, contentType: 'application/json', body: JSON.stringify({ status: 'error', error: 'the store does not answer', code: 'store_unavailable', hint: 'is it running? MCP_STORE names it' }) }), said: /the store does not answer[\s\S]*MCP_STORE names it/ },
  'something in between answers': { answer: (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }), said: /The service answered 502\./ },
  'nothing answers': { answer: (route) => route.abort(), said: /The service does not answer\./ },
};

describe('what fails is said, and tried again', () => {
  let service;
  before(async () => {
    service = await serve();
    await fill(service);
  });
  after(() => service?.end());

  for (const [name, { answer, said: text }] of Object.entries(FAILURES)) {
    test(name, async () => {
      const it = await tab(chromium);
      await enter(it.page, service.url);
      const fails = (route) => (/\/(traffic|series)/.test(route.request().url()) ? route.continue() : answer(route));
      for (const view of VIEWS.filter((view) => view !== 'traffic')) {
        await go(it.page, view === 'connect' ? 'health' : 'connect');
        await it.page.route('**/admin/api/**', fails);
        await go(it.page, view);
        const alert = it.page.locator('#main [role=alert]');
        await alert.waitFor();
        assert.match(await alert.innerText(), text, view);
        assert.equal(await it.page.locator('.frame h1').count(), 1, view);
        assert.deepEqual(await axe(it.page), [], view);
        await it.page.unroute('**/admin/api/**');
        await it.page.getByRole('button', { name: 'Try again' }).press('Enter');
        await alert.waitFor({ state: 'detached' });
      }
      // The form of a record, and the question before something is done.
      await go(it.page, 'tokens');
      await it.page.route('**/admin/api/**', answer);
      await it.page.getByRole('button', { name: 'Revoke agent' }).click();
      await it.page.getByRole('button', { name: 'Revoke it' }).click();
      await it.page.locator('dialog .fault').waitFor();
      await it.page.keyboard.press('Escape');
      await it.page.unroute('**/admin/api/**');
      await it.page.getByRole('button', { name: 'Change agent' }).click();
      await it.page.getByLabel('Name', { exact: true }).fill('agent two');
      await it.page.route('**/admin/api/**', answer);
      await it.page.getByRole('button', { name: 'Save' }).click();
      await it.page.locator('dialog [role=alert]').waitFor();
      assert.deepEqual(await axe(it.page), []);
      await it.page.unroute('**/admin/api/**');
      assert.equal((await service.ask('/tokens/agent')).active, true);
      await calm(it, service.url, /status of 50[23]|net::ERR_FAILED/);
      await it.context.close();
    });
  }

  test('a slow answer is waited for, with the head of its view', async () => {
    const it = await tab(chromium);
    await enter(it.page, service.url);
    let go_on;
    const held = new Promise((resume) => { go_on = resume; });
    await it.page.route('**/admin/api/health', async (route) => { await held; await route.continue(); });
    await it.page.evaluate(() => { location.hash = '#/health'; });
    await it.page.getByText('One moment …').waitFor();
    assert.equal(await it.page.locator('.frame h1').innerText(), 'Health');
    assert.deepEqual(await axe(it.page), []);
    // Whoever goes elsewhere meanwhile is not brought back.
    await go(it.page, 'tenants');
    go_on();
    await it.page.getByRole('cell', { name: 'harbour' }).first().waitFor();
    await calm(it, service.url);
    await it.context.close();
  });

  test('the traffic says that it is broken off, and goes on by itself', async () => {
    const it = await tab(chromium);
    let broken = true;
    await it.page.route(/\/admin\/api\/(traffic|series)/, (route) => (broken ? route.abort() : route.continue()));
    await enter(it.page, service.url, TOKEN, '#/traffic');
    await it.page.getByText('Broken off, and tried again').waitFor();
    assert.deepEqual(await axe(it.page), []);
    broken = false;
    await it.page.getByText('Live', { exact: true }).waitFor();
    await it.page.locator('tr.opens').first().waitFor();
    await calm(it, service.url, /net::ERR_FAILED/);
    await it.context.close();
  });
});

test('a page of another place gets nothing', async () => {
  const service = await serve();
  const other = createServer((_, answer) => { answer.setHeader('Content-Type', 'text/html'); answer.end('<!doctype html><title>elsewhere</title>'); });
  await new Promise((listening) => other.listen(0, '127.0.0.1', () => listening(undefined)));
  const it = await tab(chromium);
  await it.page.goto(`http://127.0.0.1:${/** @type {any} */ (other.address()).port}/`);
  const got = await it.page.evaluate(async ([admin, token]) => {
    const tried = {};
    const read = async (name, ask) => { tried[name] = await ask().then(() => 'read', () => 'nothing'); };
    await read('with a token', () => fetch(`http://${admin}/admin/api/service`, { headers: { Authorization: `Bearer ${token}` } }).then((it) => it.json()));
    await read('without one', () => fetch(`http://${admin}/admin/api/service`).then((it) => it.json()));
    await read('the page', () => fetch(`http://${admin}/page/`).then((it) => it.text()));
    await read('metrics', () => fetch(`http://${admin}/metrics`).then((it) => it.text()));
    await read('the socket', () => new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${admin}/mcp/ws`, ['lucarne', `mcp.auth.${token}`]);
      socket.onopen = () => resolve(undefined);
      socket.onerror = reject;
    }));
    await read('a frame', () => new Promise((resolve, reject) => {
      const frame = document.createElement('iframe');
      frame.src = `http://${admin}/page/`;
      frame.onload = () => { try { void frame.contentWindow.document.body.innerHTML; resolve(undefined); } catch (error) { reject(error); } };
      document.body.append(frame);
    }));
    return tried;
  }, [service.admin, SHARED]);
  assert.deepEqual([...new Set(Object.values(got))], ['nothing'], JSON.stringify(got));
  await it.context.close();
  other.close();
  await service.end();
});

test('a client has the page of its own token where clients are let in', async () => {
  const service = await serve({ MCP_PAGE: 'all' });
  const it = await tab(chromium);
  await enter(it.page, `http://${service.address}/page/`, SHARED, '#/exposure');
  await settled(it.page);
  await it.page.getByText('2 models').waitFor();
  assert.deepEqual(await it.page.locator('nav a:not(.brand)').allInnerTexts(), ['Exposure', 'Ask', 'Connect']);
  await go(it.page, 'ask');
  await it.page.getByRole('button', { name: 'Send' }).click();
  await it.page.getByText('5 rows').first().waitFor();
  assert.deepEqual(await axe(it.page), []);
  await calm(it, `http://${service.address}/page/`, /status of 404/);
  await it.context.close();
  await service.end();
});
