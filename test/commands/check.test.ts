import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type CheckOptions, type ProbeResult, runCheck } from '../../src/commands/check.ts';
import { probeStateFile } from '../../src/commands/probe.ts';

const ok: ProbeResult = { ok: true };
const refused: ProbeResult = {
  ok: false,
  reason: 'permission',
  message: 'GET /organization/costs: 403',
  whatToDo: 'Give the key the scope api.usage.read.',
};

async function check(options: Partial<CheckOptions>) {
  let out = '';
  const code = await runCheck({
    apis: ['completions', 'costs'],
    probe: async () => ok,
    probeManagement: async () => ok,
    out: { write: (text) => (out += text) },
    ...options,
  });
  return { code, out };
}

test('every api that answers is ok', async () => {
  const asked: string[] = [];
  const probe = async (api: string) => {
    asked.push(api);
    return ok;
  };
  expect(await check({ probe })).toEqual({
    code: 0,
    out: `API               STATUS  WHAT TO DO
completions       ok
costs             ok
names and limits  ok

2 of 2 apis answered.
`,
  });
  expect(asked).toEqual(['completions', 'costs']);
});

test('one that does not answer is shown with what to do, and fails the check', async () => {
  expect(await check({ probe: async (api) => (api === 'costs' ? refused : ok) })).toEqual({
    code: 1,
    out: `API               STATUS               WHAT TO DO
completions       ok
costs             failed (permission)  Give the key the scope api.usage.read. (GET /organization/costs: 403)
names and limits  ok

1 of 2 apis answered.
`,
  });
});

test('the second scope is a warning', async () => {
  const { code, out } = await check({
    probeManagement: async () => ({ ...refused, message: '403', whatToDo: 'Give it api.management.read.' }),
  });
  expect(code).toBe(0);
  expect(out).toContain('names and limits  warning (permission)  Give it api.management.read. (403)\n');
  expect(out).toContain('only a warning');
});

test('a state file is looked after where there is to be one, and is a warning', async () => {
  const well = await check({ probeStateFile: async () => ok });
  expect(well.out).toMatch(/^state file +ok\n\n2 of 2 apis answered\.\n$/m);
  const folder = mkdtempSync(join(tmpdir(), 'check-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'file'), '');
  expect(await probeStateFile(join(folder, 'state'))).toEqual(ok);
  for (const [parent, reason] of [
    ['missing', 'ENOENT'],
    ['file', 'ENOTDIR'],
  ] as const) {
    const { code, out } = await check({ probeStateFile: () => probeStateFile(join(folder, parent, 'state')) });
    expect(code).toBe(0);
    expect(out).toContain(
      `state file        warning (${reason})  Make the folder, and let the user that serves write to it. (${join(folder, parent)} is not a folder that can be written to)\n`,
    );
    expect(out).toContain('The state file cannot be written; that is only a warning.');
  }
});

test('what would not be polled is shown, and is no failure', async () => {
  const { code, out } = await check({ apis: ['completions'], skipped: [{ api: 'costs', why: 'has no filter batch' }] });
  expect(code).toBe(0);
  expect(out).toMatch(/^costs +skipped +has no filter batch$/m);
});

test('an error thrown, or one of several lines, is one failure on one line', async () => {
  const probe = async () => {
    throw new Error('connection\nreset \u001b[31m');
  };
  const { code, out } = await check({ apis: ['completions'], probe });
  expect(code).toBe(1);
  expect(out).toMatch(/^completions +failed \(error\) +connection reset {1,2}\[31m\.$/m);
});
