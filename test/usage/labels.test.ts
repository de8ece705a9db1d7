import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { RawLabel } from '../../src/openai/bucket-page.ts';
import { escapeLabelValue, labelText, labelValue } from '../../src/usage/labels.ts';
import { parseExposition } from '../helpers/exposition-parser.ts';
import { propertyRuns, propertyTimeout } from '../helpers/runs.ts';

vi.setConfig({ testTimeout: propertyTimeout });

describe('a label value', () => {
  test.each<[string, RawLabel, string]>([
    ['null', null, 'none'],
    ['an empty string', '', 'none'],
    ['true', true, 'true'],
    ['false', false, 'false'],
    ['a number', 12, '12'],
    ['text', 'gpt-4o-2024-08-06, input', 'gpt-4o-2024-08-06, input'],
    ['quotes, backslash, newline as they are', '"\\\n', '"\\\n'],
    ['control characters', '\u0000\u0001\t\r\u007f', '\u0000\u0001\t\r\u007f'],
    ['a high surrogate alone', 'a\ud800b', 'a\ufffdb'],
    ['a low surrogate alone', '\udc00', '\ufffd'],
    ['two in the wrong order', '\udc00\ud800', '\ufffd\ufffd'],
    ['a pair', '🤖', '🤖'],
    ['256 characters', 'x'.repeat(256), 'x'.repeat(256)],
    ['257 characters', 'x'.repeat(257), 'x'.repeat(256)],
    ['10,000 characters', 'é'.repeat(10_000), 'é'.repeat(256)],
    ['256 characters of two units', '🤖'.repeat(256), '🤖'.repeat(256)],
    ['257 characters of two units, without half of one', '🤖'.repeat(257), '🤖'.repeat(256)],
  ])('%s', (_, raw, value) => {
    expect(labelValue(raw)).toBe(value);
  });

  test('is never empty, well-formed, short, and its own label value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const value = labelValue(text);
        expect(value).not.toBe('');
        expect([...value].length).toBeLessThanOrEqual(256);
        // Encoding and decoding replaces every unpaired surrogate, so only well-formed text survives it.
        expect(Buffer.from(value).toString()).toBe(value);
        expect(labelValue(value)).toBe(value);
      }),
      { numRuns: propertyRuns },
    );
  });
});

describe('label text', () => {
  test.each([
    ['plain', 'plain'],
    ['say "hi"', 'say \\"hi\\"'],
    ['back\\slash', 'back\\\\slash'],
    ['two\nlines', 'two\\nlines'],
    ['\\n is no newline', '\\\\n is no newline'],
    ['"\\\n', '\\"\\\\\\n'],
  ])('%j is escaped as the text format asks', (value, escaped) => {
    expect(escapeLabelValue(value)).toBe(escaped);
  });

  test('has names and values by position', () => {
    expect(labelText(['project_id', 'model'], ['p', 'a"b'])).toBe('project_id="p",model="a\\"b"');
    expect(labelText([], [])).toBe('');
  });

  test('can be read back, whatever the values', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 4 }), (texts) => {
        const values = texts.map(labelValue);
        const names = values.map((_, index) => `l${index}`);
        const text = `# HELP m h\n# TYPE m gauge\nm{${labelText(names, values)}} 1\n`;
        const [sample] = parseExposition(text).families.get('m')?.samples ?? [];
        expect(Object.values(sample?.labels ?? {})).toEqual(values);
      }),
      { numRuns: propertyRuns },
    );
  });
});
