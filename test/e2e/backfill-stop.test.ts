/** A backfill is told to stop while it reads and while it writes: it ends soon, and is gone on with to the same end. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { simulatedKey } from '../../src/simulation/api.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { startServer } from '../../src/simulation/simulated-server.ts';
import { startProgram } from '../helpers/process.ts';
import { shiftedClock } from '../helpers/test-clock.ts';

const now = Date.parse('2026-06-01T09:20Z');

const organization = createOrganization({
  seed: 3,
  createdAt: Date.parse('2026-05-20T00:00Z') / 1_000,
  profile: { groups: 20, activity: 0.3, dayShare: 0.8 },
});

test('SIGTERM ends it within 5 s, wherever it is', { timeout: 240_000 }, async ({ onTestFinished }) => {
  const directory = mkdtempSync(join(tmpdir(), 'backfill-stop-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const clock = shiftedClock(now);
  const server = await startServer({ organization, clock });
  onTestFinished(() => server.close());
  const backfill = (name: string, ...more: readonly string[]) =>
    startProgram(
      [
        ...['backfill', `--output=${join(directory, name)}`, '--labels=job=openai,instance=exporter'],
        ...['--from=2026-05-28', '--to=2026-05-30', '--bucket-width=1m', '--poll.apis=completions'],
        ...[`--openai.base-url=${server.url}`, '--openai.max-requests-per-minute=600', '--log.format=text', ...more],
      ],
      { env: { OPENAI_ADMIN_KEY: simulatedKey }, clock },
    );

  const whole = await backfill('whole.om').ended;
  expect([whole.code, whole.out]).toEqual([0, '']);

  const moments = [/read to/, /all history has been read/];
  for (const [index, moment] of moments.entries()) {
    const running = backfill('stopped.om', ...(index === 0 ? [] : ['--resume']));
    await running.logged(moment, 120_000);
    const { code, err, took } = await running.stop();
    expect([code, err]).toEqual([1, expect.stringMatching(/the backfill failed: SIGTERM received.*--resume goes on/)]);
    expect(took).toBeLessThan(5_000);
  }
  const resumed = await backfill('stopped.om', '--resume').ended;
  expect(resumed.code).toBe(0);
  expect(readFileSync(join(directory, 'stopped.om')).equals(readFileSync(join(directory, 'whole.om')))).toBe(true);
});
