// Pictures of every view, to be looked at: node pictures.js FOLDER [WIDTH] [light|dark] [empty|full]

import { join } from 'node:path';
import { VIEWS, browser, enter, fill, go, serve, tab } from './support.js';

const [folder, width = '1280', scheme = 'light', state = 'full'] = process.argv.slice(2);
const service = await serve(state === 'empty' ? { MCP_AUDIT_FILE: null } : {});
if (state === 'full') await fill(service);
const chromium = await browser();
const { page, wrong, violations } = await tab(chromium, { viewport: { width: Number(width), height: 900 }, colorScheme: scheme });
await page.goto(service.url);
await page.screenshot({ path: join(folder, `door-${width}-${scheme}.png`) });
await enter(page, service.url);
for (const view of VIEWS) {
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
await service.end();
