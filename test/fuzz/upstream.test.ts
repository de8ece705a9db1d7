/**
 * Whatever the API sends, the exporter lives, and its page is one: judged by a strict parser each time, and by promtool
 * on some hundred pages.
 */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { allDimensions, endpoints, widthSeconds } from '../../src/openai/catalogue.ts';
import type { Client } from '../../src/openai/client.ts';
import { decodePage, MalformedPage } from '../../src/openai/decode.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { lists } from '../../src/openai/lists.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { readList } from '../helpers/read-list.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';
import { findTool } from '../helpers/tools.ts';
import { type Body, listBody, pageBody } from './bodies.ts';
import { fuzzRuns, fuzzTimeout } from './runs.ts';

const promtool = findTool('promtool', 'prometheus');
const objectKeys = Object.getOwnPropertyNames(Object.prototype).sort().join();

/** Nothing has been put where every object would have it. */
function expectCleanPrototypes(): void {
  for (const name in {}) throw new Error(`every object has ${name}`);
  expect(Object.getOwnPropertyNames(Object.prototype).sort().join()).toBe(objectKeys);
}
afterEach(expectCleanPrototypes);

const endpoint = fc.constantFrom(...endpoints);
const widthOf = fc.constantFrom<'1m' | '1h' | '1d'>('1m', '1h', '1d');

test('a page is decoded or refused', { timeout: fuzzTimeout }, async () => {
  let decoded = 0;
  await fc.assert(
    fc.asyncProperty(pageBody, endpoint, widthOf, async (body, endpoint, width) => {
      try {
        const page = decodePage(body(1_700_006_400, widthSeconds[width]), endpoint, endpoint.dimensions);
        decoded += 1;
        for (const { rows, numbers, labels } of page.buckets) {
          for (const [name, column] of numbers) expect([name, column.length]).toEqual([name, rows]);
          expect(labels.every((column) => column.length === rows)).toBe(true);
        }
      } catch (error) {
        if (!(error instanceof MalformedPage)) throw error;
      }
    }),
    { numRuns: fuzzRuns(11_000) },
  );
  // Not all of it is refused at the door.
  expect(decoded).toBeGreaterThan(fuzzRuns(11_000) / 4);
});

test('a list is read or refused', { timeout: fuzzTimeout }, async () => {
  const clock = { monotonic: () => 0 };
  const all = fc.constantFrom(...Object.values(lists).map((list) => list.api));
  let read = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(listBody, { minLength: 1, maxLength: 3 }), all, async (bodies, api) => {
      let asked = 0;
      const client = sending(() => bodies[asked++ % bodies.length] ?? (() => Buffer.from('')));
      const list = Object.values(lists).find((each) => each.api === api);
      if (list === undefined) throw new Error(`no list ${api}`);
      const { items, failure } = await readList<unknown>(client, clock, list, 'proj_a');
      read += items.length;
      if (failure !== undefined) expect(failure).toBeInstanceOf(ApiError);
      // Cursors that others make up are followed to a bound.
      expect(asked).toBeLessThanOrEqual(1_000);
    }),
    { numRuns: fuzzRuns(4_000) },
  );
  expect(read).toBeGreaterThan(100);
});

/** A client that answers with these bodies, and takes what decoding throws as the real one does. */
function sending(next: (request: Parameters<Client['get']>[0]) => Body, now = () => 0): Client {
  return {
    async get(request, decode) {
      const { api, path } = request;
      const value = (name: string) => request.query.find(([key]) => key === name)?.[1];
      const width = value('bucket_width');
      const seconds = width === '1m' || width === '1h' ? widthSeconds[width] : widthSeconds['1d'];
      const body = next(request)(Number(value('start_time') ?? 0), seconds);
      const startedAt = now();
      try {
        return { value: await decode(body), bytes: body.length, startedAt, endedAt: 0 };
      } catch (cause) {
        if (cause instanceof ApiError) throw cause;
        throw new ApiError({ reason: 'malformed', api, path, detail: String(cause) });
      }
    },
  };
}

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
