// The types that comments give are right; what is vendored has none of its own.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('types', () => {
  const here = new URL('.', import.meta.url).pathname;
  const { stdout, error } = spawnSync('npx', ['--no-install', 'tsc', '-p', 'tsconfig.json'], { cwd: here, encoding: 'utf8' });
  assert.equal(error, undefined);
  const faults = stdout.split('\n').filter((line) => line && !line.startsWith(' ') && !line.includes('/vendor/'));
  assert.deepEqual(faults, []);
});
