/** `npm run prove`, as people run it, in its short form: five simulated days across a month's end. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { usageApis } from './apis.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
let output = '';

beforeAll(async () => {
  const run = promisify(execFile)('npm', ['run', '--silent', 'prove', '--', '--days', '5'], { cwd: root });
  // What it prints says why it failed.
  output = await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}, 900_000);

/** The counters of these apis, of all unless told otherwise. */
const countersOf = (apis?: readonly string[]) =>
  usageApis
    .filter(({ api, flow }) => flow && (apis?.includes(api) ?? true))
    .reduce((sum, { required, optional }) => sum + required.length + optional.length, 0);

/** Two replicas read everything, the others these; each is scraped at two intervals. */
const sums =
  2 *
  (2 * countersOf() +
    countersOf(['embeddings', 'images']) +
    countersOf(['completions', 'code_interpreter_sessions']) +
    countersOf(['embeddings']));

test('nothing is unexplained, and nothing was seen that the contract rules out', () => {
  expect(output.split('\n').filter((line) => line.startsWith('FAULT'))).toEqual([]);
  const last = output.trimEnd().split('\n').at(-1);
  expect(last).toContain(`proven: ${sums} sums, 0 with an unexplained difference, 0 faults; 5 days`);
  expect(last).toMatch(/^proven/);
});

test('there are numbers to compare', () => {
  const [withStateFile = '', ...others] = output.split(/^replica /m).slice(1);
  const recorded = /^completions +input_tokens +([\d,]+)/m.exec(withStateFile)?.[1] ?? '0';
  expect(Number(recorded.replaceAll(',', ''))).toBeGreaterThan(1_000_000);
  expect(others.length).toBeGreaterThanOrEqual(2);
  expect(output).toMatch(/replicas compared while both were well: [1-9]\d* sums, 0 differ/);
});

test('a state file leaves none of the exceptions that a restart makes without one', () => {
  const [withStateFile = '', ...others] = output.split(/^replica /m).slice(1);
  for (const name of ['fall at restart', 'born in downtime', 'down at rollover']) {
    const header = (text: string) => text.split('\n').some((line) => line.startsWith('api ') && line.includes(name));
    expect(header(withStateFile), name).toBe(false);
    expect(others.some(header), name).toBe(true);
  }
});
