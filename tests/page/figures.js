// What the page weighs, and what its first view takes: npm run figures

import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { browser, enter, serve, settled, tab } from './support.js';

const TIMES = 10;
const root = new URL('../../page/', import.meta.url);
const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((it) => it.isFile() && it.name !== 'LICENSES');
const read = files.map((it) => [`${it.parentPath ?? it.path}`.slice(root.pathname.length), it.name, readFileSync(`${it.parentPath ?? it.path}/${it.name}`)]);
const bytes = (all) => all.reduce((sum, [, , it]) => sum + it.length, 0);
console.log(`${read.length} files, ${bytes(read)} bytes (${bytes(read.filter(([folder]) => folder.startsWith('vendor')))} vendored), ${gzipSync(Buffer.concat(read.map(([, , it]) => it)), { level: 9 }).length} compressed`);

const service = await serve();
const chromium = await browser();
/** Milliseconds of script, of several tries in turn. */
async function told(what, look) {
  const all = [];
  let requests;
  for (let time = 0; time < TIMES; time += 1) {
    const { context, page, asked } = await tab(chromium);
    const client = await context.newCDPSession(page);
    await client.send('Performance.enable');
    await look(page);
    const { metrics } = await client.send('Performance.getMetrics');
    all.push(metrics.find((it) => it.name === 'ScriptDuration').value * 1000);
    requests = asked.length - 1;
    await context.close();
  }
  all.sort((one, other) => one - other);
  console.log(`${what}: ${requests} requests after the HTML; script ${all[0].toFixed(1)} ms at best, ${all[TIMES / 2].toFixed(1)} in the middle, ${all[TIMES - 1].toFixed(1)} at worst`);
}
await told('the door', async (page) => {
  await page.goto(service.url);
  await page.waitForLoadState('networkidle');
});
await told('the door and the overview', async (page) => {
  await enter(page, service.url);
  await settled(page);
});
await chromium.close();
await service.end();
