// Pictures of every view, to be looked at: node pictures.js FOLDER [WIDTH] [light|dark] [full|empty|away|lost|ended]

import { join } from 'node:path';
import { VIEWS, browser, enter, fill, go, serve, tab } from './support.js';

const [folder, width = '1280', scheme = 'light', state = 'full'] = process.argv.slice(2);
const VARIABLES = { empty: { MCP_AUDIT_FILE: null }, away: { DATABASE_URL: 'postgres://reader:secret@127.0.0.1:1/shop' } };
const service = await serve(VARIABLES[state]);
if (!VARIABLES[state]) await fill(service);
const chromium = await browser();
const { page, wrong, violations } = await tab(chromium, { viewport: { width: Number(width), height: 900 }, colorScheme: scheme });
await page.goto(service.url);
await page.screenshot({ path: join(folder, `door-${width}-${scheme}.png`) });
await enter(page, service.url);
if (state === 'ended') {
  service.reload({ MCP_ADMIN_TOKEN: 'another-token-of-operators' });
  await page.getByText('not valid any more').waitFor();
  await page.screenshot({ path: join(folder, `door-${width}-${scheme}-ended.png`) });
}
// What was seen stays until another view is asked for, which cannot be had.
if (state === 'lost') {
  await go(page, '');
  await service.end();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, `overview-${width}-${scheme}-lost-still.png`), fullPage: true });
}
for (const view of state === 'ended' ? [] : VIEWS) {
  await go(page, view);
  if (view === 'traffic' && state === 'full') {
    await page.waitForTimeout(1500);
    await page.locator('tr.opens', { hasText: 'Invalid parameter' }).first().click();
    await page.locator('.why').waitFor();
  }
  await page.screenshot({ path: join(folder, `${view || 'overview'}-${width}-${scheme}-${state}.png`), fullPage: true });
}
console.log(wrong, await violations());
await chromium.close();
if (state !== 'lost') await service.end();
