import { expect, test } from 'vitest';
import { parseExposition } from './exposition-parser.ts';

test('it reads names, types, HELP, labels with escapes, and all forms of values', () => {
  const text = [
    '# HELP a_total All of it: back\\\\slash, line\\nfeed.',
    '# TYPE a_total counter',
    'a_total{x="q\\"b\\\\n\\n",y="\t, }"} 1e+3',
    'a_total 0.5 1700000000000',
    '# a comment',
    '# TYPE h histogram',
    'h_bucket{le="1"} 1',
    'h_bucket{le="+Inf"} 2',
    'h_sum 3',
    'h_count 2',
    'bare -Inf',
    '',
  ].join('\n');
  const { families, series, value } = parseExposition(text);
  expect([...families.keys()]).toEqual(['a_total', 'h', 'bare']);
  expect(families.get('a_total')).toMatchObject({ type: 'counter', help: 'All of it: back\\slash, line\nfeed.' });
  expect(families.get('h')?.samples).toHaveLength(4);
  expect(value('a_total', { y: '\t, }', x: 'q"b\\n\n' })).toBe(1_000);
  expect(value('a_total')).toBe(0.5);
  expect(value('bare')).toBe(Number.NEGATIVE_INFINITY);
  expect(series.size).toBe(7);
});

test.each([
  ['a 1', 'line feed'],
  ['a{x="1"} 1\na{x="1"} 2\n', 'twice'],
  ['a{x="1",x="2"} 1\n', 'twice'],
  ['a{x="\\t"} 1\n', 'no value of the label'],
  ['a{x="new\nline"} 1\n', 'no value of the label'],
  ['a{x=1} 1\n', 'no value of the label'],
  ['a{x="1"y="2"} 1\n', 'neither comma nor brace'],
  ['a{1x="1"} 1\n', 'no name of a label'],
  ['a{__x="1"} 1\n', 'own'],
  ['1a 1\n', 'no name of a metric'],
  ['a-b 1\n', 'goes on'],
  ['a\n', 'goes on'],
  ['a one\n', 'no value'],
  ['a 1 soon\n', 'no timestamp'],
  ['a 1\nb 1\na{x="1"} 1\n', 'not together'],
  ['# TYPE a gauge\n# TYPE a gauge\n', 'second TYPE'],
  ['# TYPE a meter\n', 'no type'],
  ['a 1\n# TYPE a gauge\n', 'after samples'],
  ['# TYPE a counter\na -1\n', 'below 0'],
  ['# TYPE h histogram\nh_bucket{le="1"} 1\nh_count 1\n', 'not its count'],
  ['# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_count 1\n', 'do not ascend'],
  ['a{x="\ud800"} 1\n', 'surrogate'],
])('it refuses %j', (text, why) => {
  expect(() => parseExposition(text)).toThrow(why);
});
