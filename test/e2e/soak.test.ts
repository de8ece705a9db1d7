/** `npm run soak`, as people run it, in its short form: two simulated days with faults at random over real sockets. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('nothing grows, nothing falls, and the counters are exact', async () => {
  const run = promisify(execFile)('npm', ['run', '--silent', 'soak', '--', '--days', '2'], { cwd: root });
  // What it prints says why it failed.
  const output = await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
  expect(output.split('\n').filter((line) => line.startsWith('FAULT'))).toEqual([]);
  expect(output.trimEnd().split('\n').at(-1)).toMatch(
    /^soaked: 2 days in \d+ s, [1-9]\d+ counters compared, 0 faults$/,
  );
  // What was lived is not nothing: thousands of requests, of which many failed.
  const [, requests = '', failed = ''] = /^\| 2 \| (\d+) \| (\d+) \| 572 \|/m.exec(output) ?? [];
  expect(Number(requests)).toBeGreaterThan(10_000);
  expect(Number(failed)).toBeGreaterThan(1_000);
}, 600_000);
