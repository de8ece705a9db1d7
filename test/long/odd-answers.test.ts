/**
 * Whatever the API sends, the exporter lives, and its page is one: judged by a strict parser each time, and by promtool
 * on some hundred pages.
 */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { allDimensions } from '../../src/openai/catalogue.ts';
import { listBody, pageBody } from '../fuzz/bodies.ts';
import { fuzzRuns, fuzzTimeout } from '../fuzz/runs.ts';
import { expectCleanPrototypes, sending } from '../fuzz/sending.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';
import { findTool } from '../helpers/tools.ts';

const promtool = findTool('promtool', 'prometheus');

describe('the whole exporter', () => {
  let running: RunningExporter | undefined;
  afterAll(() => running?.end());
  const pages: string[] = [];
  let bodies = 0;

  test('goes on, and its page is one', { timeout: fuzzTimeout }, async () => {
    const usage = fc.array(pageBody, { minLength: 10, maxLength: 20 });
    const named = fc.array(listBody, { minLength: 5, maxLength: 10 });
    const groupBy = fc.constantFrom('all', 'none', ...allDimensions);
    await fc.assert(
      fc.asyncProperty(usage, named, groupBy, async (usage, named, groupBy) => {
        let asked = 0;
        const one = runExporter({
          start: '2026-11-02T00:29:03Z',
          flags: [`--poll.group-by=${groupBy}`, '--names.refresh=1m', '--names.all-rate-limits', '--names.user-email'],
          client: (clock) =>
            sending(
              ({ priority }) => {
                asked += 1;
                const some = priority === 'names' ? named : usage;
                return some[asked % some.length] ?? (() => Buffer.from(''));
              },
              () => clock.now(),
            ),
        });
        running = one;
        for (let minute = 0; minute < 3; minute++) {
          await one.minutes(1);
          const text = one.text();
          parseExposition(text);
          pages.push(text);
        }
        parseExposition(await one.exporter.self.text());
        // No poller has given up, and no answer was a surprise.
        expect(one.exporter.apis.every(({ status }) => status.polls >= 1)).toBe(true);
        expect(one.log.of('error')).toEqual([]);
        await one.end();
        running = undefined;
        bodies += asked;
        expectCleanPrototypes();
      }),
      { numRuns: fuzzRuns(110) },
    );
    expect(bodies).toBeGreaterThan(fuzzRuns(5_000));
  });

  test.skipIf(promtool === undefined)('promtool reads hundreds of these pages', { timeout: fuzzTimeout }, () => {
    const chosen = pages.filter((page) => page !== '').slice(-400);
    expect(chosen.length).toBeGreaterThanOrEqual(Math.min(300, fuzzRuns(300)));
    // All at once, each under names of its own, for a start of promtool takes longer than a page.
    const all = chosen
      .map((page, index) => page.replaceAll(/^(# (?:HELP|TYPE) )?openai_/gm, `$1case_${index}_openai_`))
      .join('');
    expect(faultsFound(all)).toEqual([]);
    expect(faultsFound(`${all}case_0{a="\\q"} 1\n`)).not.toEqual([]);
  });
});

/** Returns what promtool cannot read; what it would name otherwise is of no interest here. */
function faultsFound(page: string): readonly string[] {
  const { stderr, stdout, error } = spawnSync(promtool ?? '', ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (error !== undefined) throw error;
  return `${stdout}${stderr}`.split('\n').filter((line) => /error|expected|invalid|duplicate/i.test(line));
}
