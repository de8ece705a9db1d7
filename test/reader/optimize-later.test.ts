/** Flags of V8, which complains on stderr about one that it does not know. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { laterFlags } from '../../src/reader/optimize-later.ts';

test('this version of V8 knows the flags', () => {
  const flags = laterFlags(process.versions.v8);
  expect(flags.length).toBeGreaterThan(0);
  const set = `for (const flag of ${JSON.stringify(flags)}) require('node:v8').setFlagsFromString(flag);`;
  const { status, stderr } = spawnSync(process.execPath, ['--eval', set], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
});

test.each([
  ['11.3.244.8-node.38', '--interrupt-budget=1000000'],
  ['12.4.254.21-node.33', '--invocation-count-for-turbofan=30000'],
  ['13.6.233.17-node.53', '--invocation-count-for-turbofan=30000'],
])('V8 %s has %s', (version, flag) => {
  expect(laterFlags(version)).toContain(flag);
});
