/** Lives every row of the fault matrix with the real exporter and client, and holds docs/reliability.md to it. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:tls';
import { Dispatcher } from 'undici';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ApiError } from '../../src/openai/errors.ts';
import { isCommon } from '../../src/openai/outage.ts';
import { createTransport } from '../../src/openai/transport.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { documentAt } from '../helpers/documents.ts';
import { valuesOf } from '../helpers/exposition.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { portOf } from '../helpers/http-server.ts';
import { seconds } from '../helpers/rows.ts';
import { rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';
import { createScraper } from '../helpers/scraper.ts';
import { simulatedClient } from '../helpers/simulated-client.ts';
import { SimulatedDispatcher } from '../helpers/simulated-dispatcher.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';
import { readCertificate } from '../helpers/web-config.ts';
import { type Elsewhere, elsewhereTested, type MatrixRow, matrix } from './faults.ts';

vi.setConfig({ testTimeout: 60_000 });

const total = 'openai_embeddings_input_tokens_total';
const gauge = 'openai_usage_embeddings_input_tokens';
const begins = Date.parse('2026-11-20T09:34:00Z');
const flags = ['--poll.apis=embeddings', '--poll.group-by=model'];
const organization = createOrganization({
  seed: 5,
  createdAt: seconds('2026-11-16T00:00Z'),
  profile: { groups: 4, apis: ['embeddings'], activity: 0.5, restatedUp: 0, restatedDown: 0 },
});

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

/** Returns where a base URL leads to when nothing good is there. */
async function badPlace(where: Elsewhere): Promise<URL> {
  // Longer than a name may be, so that no resolver need be asked.
  if (where === 'a host without an address') return new URL(`https://${'x'.repeat(64)}.invalid/v1`);
  const server = createTlsServer({
    cert: readCertificate('localhost/cert.pem'),
    key: readCertificate('localhost/key.pem'),
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server.address());
  const close = () => new Promise((resolve) => server.close(resolve));
  if (where === 'a closed port') await close();
  else onTestFinished(() => close().then(() => {}));
  return new URL(`https://127.0.0.1:${port}/v1`);
}

/** Asks the real network of the bad place while the fault lasts, and the simulated organization otherwise. */
class Detour extends Dispatcher {
  readonly #usual: Dispatcher;
  readonly #bad: Dispatcher | undefined;
  readonly #origin: string;
  readonly #isBad: () => boolean;
  begun = 0;

  constructor(usual: Dispatcher, bad: URL | undefined, isBad: () => boolean) {
    super();
    this.#usual = usual;
    this.#bad = bad && createTransport(bad, {}, { timeoutMs: 5_000 });
    this.#origin = bad?.origin ?? '';
    this.#isBad = isBad;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.begun += 1;
    if (this.#bad === undefined || !this.#isBad()) return this.#usual.dispatch(options, handler);
    return this.#bad.dispatch({ ...options, origin: this.#origin }, handler);
  }
}

async function live({ rules, elsewhere, lasts = 12 }: Pick<MatrixRow, 'rules' | 'elsewhere' | 'lasts'>) {
  const ends = begins + lasts * 60_000;
  const bad = elsewhere === undefined ? undefined : await badPlace(elsewhere);
  let ended = 0;
  let detour: Detour | undefined;
  const clock = createVirtualClock({
    start: Date.parse('2026-11-20T09:27:03Z'),
    // The real network takes time that is not the clock's.
    busy: () => bad !== undefined && detour !== undefined && detour.begun > ended,
  });
  return runExporter({
    clock,
    flags,
    client(_, observer) {
      const when = { api: 'embeddings', from: begins, to: ends };
      const usual = new SimulatedDispatcher({ organization, clock, faults: rules(when) });
      const isBad = () => clock.now() >= begins && clock.now() < ends;
      detour = new Detour(usual, bad, isBad);
      return simulatedClient({
        dispatcher: detour,
        clock,
        observer: {
          attempt(...attempt) {
            ended += 1;
            observer.attempt(...attempt);
          },
          retry: (api) => observer.retry(api),
        },
      });
    },
  });
}

/** Returns what the API records for the buckets that are settled, by model. */
function truth({ exporter }: RunningExporter): Record<string, number> {
  const { lastPoll = 0 } = exporter.apis[0]?.status ?? {};
  const span = { from: seconds('2026-11-01T00:00Z'), to: Math.floor((lastPoll / 1_000 - 900) / 60) * 60 };
  return Object.fromEntries(
    organization.truth
      .usage('embeddings', span, { groupBy: ['model'] })
      .map(({ labels, fields }) => [String(labels[0]), fields.get('input_tokens') ?? 0]),
  );
}

async function reasonsCounted({ exporter }: RunningExporter): Promise<readonly string[]> {
  const { families } = parseExposition(await exporter.self.text());
  return (families.get('openai_exporter_poll_failures_total')?.samples ?? [])
    .filter(({ value }) => value > 0)
    .map(({ labels }) => labels['reason'] ?? '');
}

const isUp = ({ exporter }: RunningExporter) => exporter.apis[0]?.status.up;

describe('the matrix', () => {
  test.each(matrix)('$fault', async (row) => {
    const one = await live(row);
    running = one;
    const scraper = createScraper();
    const scrape = () => scraper.scrape(new Map(Object.entries(valuesOf(one.text(), total, ['model']))));
    const minute = async () => {
      await one.minutes(1);
      scrape();
    };
    for (let count = 0; count < 7; count++) await minute();
    expect(isUp(one)).toBe(true);
    expect(one.log.of('warn', 'error')).toEqual([]);

    // While it lasts: the last good data stays.
    let failed = 0;
    for (let count = 1; count < (row.lasts ?? 12); count++) {
      await minute();
      failed += Number(isUp(one) === false);
      const shown = valuesOf(one.text(), gauge, ['model'], { state: 'settled', bucket_width: '1m' });
      if (row.gaugesGo !== true) expect(shown).not.toEqual({});
      expect(Object.keys(valuesOf(one.text(), total, ['model'])).length).toBeGreaterThan(0);
    }
    expect(failed > 0).toBe(row.reason !== undefined);
    if (row.reason !== undefined && !row.nowAndThen) expect(isUp(one)).toBe(false);
    expect(await reasonsCounted(one)).toEqual(row.reason === undefined ? [] : [row.reason]);
    const said = one.log.of('warn', 'error').filter((line) => /poll failed/.test(line));
    if (row.nowAndThen) expect(said.length).toBeGreaterThan(0);
    else expect(said.length).toBe(row.reason === undefined ? 0 : 1);
    for (const line of said) expect(line).toMatch(row.says);

    // Healed by itself: within two minutes, or what a Retry-After says, or the longest pause between two polls.
    const longest = row.fault === '429 with seconds' ? 8 : isCommon(row.reason) ? 2 : 6;
    let healing = 0;
    for (; healing === 0 || isUp(one) !== true; healing++) {
      expect(healing).toBeLessThan(longest);
      await minute();
    }
    for (let count = 0; count < 62; count++) await minute();
    expect(one.log.of('info').some((line) => /poll succeeds again/.test(line))).toBe(row.reason !== undefined);
    expect([...scraper.resets]).toEqual([]);
    expect(Object.fromEntries(scraper.counted)).toEqual(truth(one));
  });
});

describe('faults that need more than a fault', () => {
  const day = ({ width }: { readonly width: string }) => (width === '1d' ? [{ model: 'm', input_tokens: 10 }] : []);

  test('400 for the cursor: the read goes on behind the last bucket that came', async () => {
    const refused: string[] = [];
    running = runExporter({
      start: '2026-11-20T09:27:03Z',
      flags,
      client(clock, observer) {
        const whole = rowsClient(day)(clock, observer);
        return {
          // Each page holds half of what was asked for; its cursor is no good.
          get: (request, decode) => {
            const { api, path } = request;
            const cursor = request.query.find(([name]) => name === 'page')?.[1];
            if (cursor !== undefined) {
              refused.push(cursor);
              const detail = 'The page token is invalid, have you modified the query parameters?';
              return Promise.reject(new ApiError({ reason: 'rejected', api, path, status: 400, detail }));
            }
            return whole.get(request, (body) => {
              const page = JSON.parse(body.toString());
              const some = page.data.slice(0, Math.ceil(page.data.length / 2));
              const half = { ...page, data: some, has_more: some.length < page.data.length, next_page: 'p' };
              return decode(Buffer.from(JSON.stringify(half)));
            });
          },
        };
      },
    });
    await running.minutes(5);
    expect(refused.length).toBeGreaterThan(0);
    expect(isUp(running)).toBe(true);
    expect(valuesOf(running.text(), total, ['model'])).toEqual({ m: 190 });
    expect(running.log.of('warn', 'error')).toEqual([]);
  });

  test('400 for lookback: the gauges are there, the counters wait for the next period, one line says so', async () => {
    const client = rowsClient(
      ({ width }) => [{ model: 'm', input_tokens: width === '1m' ? 1 : 60 }],
      ({ width, at }) =>
        width === '1d' && at < Date.parse('2026-12-01T00:00Z')
          ? { reason: 'rejected', code: 'reporting_lookback_exceeded' }
          : undefined,
    );
    running = runExporter({ start: '2026-11-30T21:27:03Z', flags, client });
    await running.minutes(30);
    expect(isUp(running)).toBe(true);
    expect(valuesOf(running.text(), gauge, ['model'], { bucket_width: '1m', state: 'settled' })).toEqual({ m: 1 });
    expect(running.text()).not.toContain(total);
    expect(running.log.of('warn')).toEqual([expect.stringMatching(/counters stay absent until the next period/)]);
    await running.until('2026-12-01T02:00:00Z');
    expect(valuesOf(running.text(), total, ['model'])['m']).toBeGreaterThan(0);
    expect(running.log.of('warn')).toHaveLength(1);
  });

  test('all failing for a day: gauges go after an hour, counters stay; the gap is read; one line', async () => {
    const one = await live({
      lasts: 24 * 60,
      rules: (when) => [{ when, fault: { kind: 'status', status: 500 } }],
    });
    running = one;
    const scraper = createScraper();
    const scrape = () => scraper.scrape(new Map(Object.entries(valuesOf(one.text(), total, ['model']))));
    for (let count = 0; count < 9; count++) {
      await one.minutes(1);
      scrape();
    }
    const before = valuesOf(one.text(), total, ['model']);
    await one.minutes(120);
    expect(one.text()).not.toContain(gauge);
    await one.until('2026-11-21T09:33:00Z');
    expect(valuesOf(one.text(), total, ['model'])).toEqual(before);
    expect(one.log.of('warn', 'error').length).toBeLessThanOrEqual(2);
    for (let count = 0; count < 90; count++) {
      await one.minutes(1);
      scrape();
    }
    expect(one.text()).toContain(gauge);
    expect([...scraper.resets]).toEqual([]);
    expect(Object.fromEntries(scraper.counted)).toEqual(truth(one));
  });

  test.each([
    ['forward by an hour', 3_600_000],
    ['back by an hour', -3_600_000],
    ['forward by a day', 86_400_000],
    ['back by a day', -86_400_000],
  ])('clock steps %s, and is put right after ten minutes', async (_, step) => {
    const one = await live({ rules: () => [] });
    running = one;
    const scraper = createScraper();
    const run = async (minutes: number) => {
      for (let count = 0; count < minutes; count++) {
        await one.minutes(1);
        scraper.scrape(new Map(Object.entries(valuesOf(one.text(), total, ['model']))));
      }
    };
    await run(10);
    one.clock.step(step);
    await run(10);
    one.clock.step(-step);
    // The hours of the day are read again within an hour, and what is held back is overtaken within two.
    await run(150);
    expect(isUp(one)).toBe(true);
    expect([...scraper.resets]).toEqual([]);
    if (step < 0) expect(Object.fromEntries(scraper.counted)).toEqual(truth(one));
  });
});

describe('docs/reliability.md', () => {
  const [, section = ''] = documentAt('docs/reliability.md').text.split('\n## Faults\n');
  const [faults = ''] = section.split('\n## ');
  const rows = [...faults.matchAll(/^- (.*)$/gm)].flatMap(([, row = '']) => {
    const [, special, itsReason] = /^\*\*(.*)\*\* \((.*)\): \S/.exec(row) ?? [];
    // What is nothing special stands by its reason.
    const [, reason = '', usual = ''] = /^([^*:]*): (.*)$/.exec(row) ?? [];
    return (special ?? usual).split('; ').map((fault) => [fault, itsReason ?? reason]);
  });

  test('has an entry for each fault that is tested, and none besides', () => {
    const tested = [...matrix.map(({ fault }) => fault), ...Object.keys(elsewhereTested)];
    expect(rows.map(([fault]) => fault).sort()).toEqual([...tested].sort());
    expect(new Set(tested).size).toBe(tested.length);
  });

  test.each(matrix)('says the reason of: $fault', ({ fault, reason }) => {
    const row = rows.find(([name]) => name === fault);
    expect(row?.[1]).toBe(reason === undefined ? 'none' : `\`${reason}\``);
  });

  test.each(Object.entries(elsewhereTested))('%s has a test of its own', (_, { file, test: title }) => {
    const url = new URL(`../../${file}`, import.meta.url);
    expect(existsSync(url) && readFileSync(url, 'utf8').includes(title)).toBe(true);
  });
});
