/** Tests what a scrape sees: whole pages only, and the same ones compressed. */
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createChanges } from '../../src/metrics/changes.ts';
import { gzipHeader, gzipTrailer } from '../../src/metrics/gzip.ts';
import type { Page, PageUpdate } from '../../src/metrics/page.ts';
import { createPublisher, type PublisherOptions } from '../../src/metrics/publisher.ts';
import type { Section } from '../../src/metrics/section.ts';
import { createShownPage } from '../../src/metrics/shown-page.ts';
import { renderedOf } from '../helpers/rendered.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

const never = Number.POSITIVE_INFINITY;
const start = Date.UTC(2026, 4, 15, 12);

/** A section of so many lines, all of which say the same generation. */
function section(name: string, lines = 3) {
  const it = { name, generation: 0, renderings: 0, until: never, untilElapsed: never };
  const made: Section = {
    name,
    *render() {
      it.renderings++;
      const { generation } = it;
      for (let line = 0; line < lines; line++) yield renderedOf(`${name} ${line} ${generation}\n`);
      return { until: it.until, untilElapsed: it.untilElapsed };
    },
  };
  return { it, made };
}

/** A publisher, and the page that is on show by it. */
function publishing(options: Omit<PublisherOptions, 'show' | 'changes'>) {
  const changes = createChanges();
  const shown = createShownPage();
  return { publisher: createPublisher({ ...options, changes, show: shown.show }), changes, current: shown.current };
}

const textOf = (page: Page) => Buffer.concat([...page.plain]).toString();
const unpacked = (page: Page) =>
  gunzipSync(Buffer.concat([gzipHeader, ...page.gzip, gzipTrailer(page.crc, page.plainBytes)])).toString();
const generations = (page: Page) =>
  textOf(page)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split(' ')[2]));

describe('the published page', () => {
  test('is empty before anything is there', () => {
    const { current } = publishing({ sections: [], clock: createVirtualClock({ start }) });
    expect(current().plainBytes).toBe(0);
    expect(unpacked(current())).toBe('');
  });

  test('has the sections in order; gzip says the same as plain, in the lengths that it claims', async () => {
    const [a, b] = [section('a', 2), section('b', 5_000)];
    const { publisher, changes, current } = publishing({
      sections: [a.made, b.made],
      clock: createVirtualClock({ start }),
    });
    for (let generation = 1; generation < 4; generation++) {
      a.it.generation = generation;
      changes.note(generation === 2 ? 'b' : 'a');
      await publisher.publish();
      const page = current();
      const text = textOf(page);
      expect(text.indexOf('a 0')).toBe(0);
      expect(unpacked(page)).toBe(text);
      expect(page.plainBytes).toBe(Buffer.byteLength(text));
      expect(page.gzipBytes).toBe(page.gzip.reduce((sum, bytes) => sum + bytes.length, 0));
      expect(publisher.series()).toBe(5_002);
      expect(publisher.series('a')).toBe(2);
    }
  });

  test('is replaced whole: who scrapes while it is made sees the one before', async () => {
    const [a, b] = [section('a'), section('b')];
    const seen: number[][] = [];
    const { publisher, changes, current } = publishing({
      sections: [a.made, b.made],
      clock: createVirtualClock({ start }),
      beforeShown: async () => {
        seen.push(generations(current()));
      },
    });
    for (let generation = 0; generation < 5; generation++) {
      a.it.generation = generation;
      b.it.generation = generation;
      changes.note('a');
      changes.note('b');
      await publisher.publish();
      expect(new Set(generations(current()))).toEqual(new Set([generation]));
    }
    for (const each of seen) expect(new Set(each).size).toBeLessThanOrEqual(1);
  });

  test('that somebody holds does not change', async () => {
    const a = section('a');
    const { publisher, changes, current } = publishing({
      sections: [a.made],
      clock: createVirtualClock({ start }),
    });
    await publisher.publish();
    const held = current();
    a.it.generation = 1;
    changes.note('a');
    await publisher.publish();
    expect(textOf(held)).toContain('a 0 0');
    expect(unpacked(held)).toBe(textOf(held));
    expect(textOf(current())).toContain('a 0 1');
  });

  test('is made anew only for what has changed', async () => {
    const [a, b] = [section('a'), section('b')];
    const { publisher, changes } = publishing({
      sections: [a.made, b.made],
      clock: createVirtualClock({ start }),
    });
    await publisher.publish();
    await publisher.publish();
    changes.note('b');
    await publisher.publish();
    expect([a.it.renderings, b.it.renderings]).toEqual([1, 2]);
  });

  test('follows the time by itself: UTC, and time that passes', async () => {
    const clock = createVirtualClock({ start });
    const [utc, passing] = [section('utc'), section('passing')];
    utc.it.until = start + 40_000;
    passing.it.untilElapsed = clock.monotonic() + 70_000;
    const { publisher } = publishing({
      sections: [utc.made, passing.made],
      clock,
      compress: (text) => ({ bytes: text, length: text.length, crc: 0 }),
    });
    const stop = new AbortController();
    const run = publisher.run(stop.signal).catch(() => undefined);
    await clock.advance(39_999);
    utc.it.until = never;
    expect([utc.it.renderings, passing.it.renderings]).toEqual([1, 1]);
    await clock.advance(1);
    expect([utc.it.renderings, passing.it.renderings]).toEqual([2, 1]);
    passing.it.untilElapsed = never;
    await clock.advance(30_000);
    expect([utc.it.renderings, passing.it.renderings]).toEqual([2, 2]);
    stop.abort();
    await clock.advance(0);
    await run;
  });
});

describe('a part that is rendered again', () => {
  /** A section of two lines, each a part; and the updates that it led to, with how often a text was compressed for each. */
  function watched() {
    const lines = ['a 1\n', 'b 1\n'];
    const seen: { readonly added: readonly string[]; readonly ids: readonly number[]; readonly compressed: number }[] =
      [];
    let compressed = 0;
    const changes = createChanges();
    const publisher = createPublisher({
      sections: [
        {
          name: 'lines',
          *render() {
            for (const line of lines) yield renderedOf(line);
            return { until: never, untilElapsed: never };
          },
        },
      ],
      changes,
      clock: createVirtualClock({ start }),
      // All pieces are alike but for the text itself, as if every CRC collided.
      compress(text) {
        compressed++;
        return { bytes: text, length: text.length, crc: 0 };
      },
      show({ added, ids }: PageUpdate) {
        seen.push({ added: added.map(({ plain }) => Buffer.from(plain).toString()), ids: [...ids], compressed });
        compressed = 0;
      },
    });
    const publish = async (): Promise<void> => {
      changes.note('lines');
      await publisher.publish();
    };
    return { lines, seen, publish };
  }

  test('is not sent again while its text is the same, and soon not compressed, either', async () => {
    const { seen, publish } = watched();
    for (let time = 0; time < 4; time++) await publish();
    const ids = seen[0]?.ids;
    expect(seen).toEqual([
      { added: ['a 1\n', 'b 1\n'], ids, compressed: 2 },
      { added: [], ids, compressed: 2 },
      { added: [], ids, compressed: 0 },
      { added: [], ids, compressed: 0 },
    ]);
  });

  test.each([1, 3])('is sent once it differs, after %i times as it was; the others are not', async (times) => {
    const { lines, seen, publish } = watched();
    for (let time = 0; time < times; time++) await publish();
    lines[1] = 'b 2\n';
    await publish();
    expect(seen.at(-1)?.added).toEqual(['b 2\n']);
    expect(seen.at(-1)?.ids[0]).toBe(seen[0]?.ids[0]);
    expect(seen[0]?.ids).not.toContain(seen.at(-1)?.ids[1]);
    await publish();
    expect(seen.at(-1)?.added).toEqual([]);
  });
});
