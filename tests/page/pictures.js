// Pictures of every view, to be looked at: node pictures.js FOLDER [STATE,…] [WIDTH,…] [SCHEME,…]

import { join } from 'node:path';
import { TOKEN, VIEWS, browser, enter, fill, go, serve, tab } from './support.js';

const split = (text) => text.split(',');
const [folder, states = 'full,empty,away,refused,slow,lost,ended', widths = '320,400,1280', schemes = 'light,dark'] = process.argv.slice(2);
const VARIABLES = {
  full: { MCP_ADMIN_READ: 'true' },
  empty: { MCP_AUDIT_FILE: null, MCP_TOOLS_FILE: null },
  away: { DATABASE_URL: 'postgres://reader:secret@127.0.0.1:1/shop' },
};
/** Views that have forms, by the button that opens one. */
const FORMS = { tenants: 'New tenant', tokens: 'Change agent', databases: 'New database' };
const chromium = await browser();
for (const state of split(states)) {
  const service = await serve(VARIABLES[state]);
  if (!/empty|away/.test(state)) await fill(service);
  const { page, wrong, violations } = await tab(chromium);
  /** What is shown now, in each way. */
  const take = async (name) => {
    for (const width of split(widths)) {
      for (const colorScheme of split(schemes)) {
        await page.setViewportSize({ width: Number(width), height: 900 });
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(folder, `${state}-${name || 'overview'}-${width}-${colorScheme}.png`), fullPage: true });
      }
    }
  };
  await page.goto(service.url);
  await take('door');
  await enter(page, service.url);
  if (state === 'ended') {
    service.reload({ MCP_ADMIN_TOKEN: `another-${TOKEN}` });
    await page.getByText('not valid any more').waitFor();
    await take('door');
  }
  // What was seen stays until another view is asked for, which cannot be had.
  if (state === 'lost') {
    await go(page, '');
    await service.end();
    await page.waitForTimeout(1500);
    await take('still');
  }
  if (state === 'refused') await page.route('**/admin/api/**', (route) => route.fulfill({ status: 503, contentType: 'application/json', body: '{"error":"the store does not answer","code":"store_unavailable","hint":"is it running? MCP_STORE names it"}' }));
  if (state === 'slow') await page.route('**/admin/api/**', () => {});
  for (const view of state === 'ended' ? [] : VIEWS) {
    if (state === 'slow') await page.evaluate((to) => { location.hash = to; }, `#/${view}`);
    else await go(page, view);
    await page.waitForTimeout(100);
    if (view === 'traffic' && state === 'full') {
      await page.waitForTimeout(1500);
      await page.locator('tr.opens', { hasText: 'Invalid parameter' }).first().click();
      await page.locator('.why').waitFor();
    }
    if (view === 'ask' && state === 'full') {
      await page.getByRole('combobox', { name: 'As', exact: true }).selectOption({ label: 'harbour / report' });
      await page.getByRole('button', { name: 'Send' }).click();
      await page.getByText('rows ·').waitFor();
    }
    if (view === 'tools' && state === 'full') {
      await page.getByRole('button', { name: 'Try all' }).click();
      await page.getByText('as expected').waitFor();
    }
    await take(view);
    if (FORMS[view] && state === 'full') {
      await page.getByRole('button', { name: FORMS[view] }).click();
      await page.locator('dialog form').waitFor();
      await take(`${view}-form`);
      await page.keyboard.press('Escape');
    }
    if (view === 'exposure' && state === 'full') {
      await page.locator('section select').first().selectOption({ label: 'harbour / agent' });
      await page.getByText('Only what is kept back').waitFor();
      await take('exposure-token');
    }
  }
  console.log(state, wrong, await violations());
  await page.context().close();
  if (state !== 'lost') await service.end();
}
await chromium.close();
