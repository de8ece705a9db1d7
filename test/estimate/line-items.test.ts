/** Holds what line items are about, in all spellings that are known. */
import { describe, expect, test } from 'vitest';
import { lineOf, tierOf } from '../../src/estimate/line-items.ts';
import { measure, measures, partsBilledApart } from '../../src/estimate/measures.ts';

const models = new Set(['gpt-4o-2024-08-06', 'gpt-5', 'gpt-6-astra', 'whisper-1', 'ft:gpt-4o:acme:tone:9aB3cD', 'web']);

function said(lineItem: string): readonly (string | undefined)[] {
  const line = lineOf(lineItem, (name) => models.has(name));
  const kind = 'kind' in line && line.kind !== undefined ? measures[line.kind] : undefined;
  return line.is === 'model' ? [line.model, kind, ...(line.tier === '' ? [] : [line.tier])] : [line.is, kind];
}

describe('a line item', () => {
  test.each([
    ['gpt-4o-2024-08-06, input', ['gpt-4o-2024-08-06', 'input_tokens']],
    ['gpt-4o-2024-08-06, cached input', ['gpt-4o-2024-08-06', 'input_cached_tokens']],
    ['gpt-4o-2024-08-06, output', ['gpt-4o-2024-08-06', 'output_tokens']],
    ['gpt-6-astra, input_tokens', ['gpt-6-astra', 'input_tokens']],
    ['gpt-6-astra, input_cached_tokens', ['gpt-6-astra', 'input_cached_tokens']],
    ['gpt-6-astra, cached_input_tokens', ['gpt-6-astra', 'input_cached_tokens']],
    ['gpt-6-astra, Output Tokens', ['gpt-6-astra', 'output_tokens']],
    ['gpt-5, audio input', ['gpt-5', 'input_audio_tokens']],
    ['gpt-5, output_image_tokens', ['gpt-5', 'output_image_tokens']],
    ['gpt-5, cache write', ['gpt-5', 'input_cache_write_tokens']],
    ['gpt-5, batch input', ['gpt-5', 'input_tokens', 'batch']],
    ['gpt-5, input, flex', ['gpt-5', 'input_tokens', 'flex']],
    ['gpt-5, priority cached input', ['gpt-5', 'input_cached_tokens', 'priority']],
    ['gpt-5, standard output', ['gpt-5', 'output_tokens']],
    ['ft:gpt-4o:acme:tone:9aB3cD, input', ['ft:gpt-4o:acme:tone:9aB3cD', 'input_tokens']],
    ['a model nobody has used, input', ['a model nobody has used', 'input_tokens']],
    ['gpt-5, thinking', ['gpt-5', undefined]],
    ['whisper-1, seconds', ['whisper-1', undefined]],
    ['gpt-5', ['gpt-5', undefined]],
    ['web search tool calls', ['tool', 'web_search_calls']],
    ['gpt-5, web search', ['tool', 'web_search_calls']],
    ['assistants api | file search', ['tool', 'file_search_calls']],
    ['code interpreter sessions', ['tool', 'code_interpreter_sessions']],
    ['web, input', ['web', 'input_tokens']],
    ['promotional credit', ['credit', undefined]],
    ['adjustment', ['credit', undefined]],
    ['vector store storage', ['other', undefined]],
    ['gpt-4o-not-used', ['other', undefined]],
    ['', ['other', undefined]],
    [', ,', ['other', undefined]],
  ])('%s', (lineItem, expected) => {
    expect(said(lineItem)).toEqual(expected);
  });

  test('usage is billed by its batch, or by its tier', () => {
    expect(tierOf('true', 'flex')).toBe('batch');
    expect(tierOf('false', 'priority')).toBe('priority');
    expect(tierOf('none', 'default')).toBe('');
    expect(tierOf('', '')).toBe('');
  });
});

test('of tokens that overlap, each is billed once', () => {
  const billed = new Set(['input_tokens', 'input_cached_tokens', 'input_cached_audio_tokens'].map(measure));
  expect(partsBilledApart(measure('input_tokens'), billed)).toEqual([measure('input_cached_tokens')]);
  expect(partsBilledApart(measure('input_cached_tokens'), billed)).toEqual([measure('input_cached_audio_tokens')]);
  expect(partsBilledApart(measure('output_tokens'), billed)).toEqual([]);
});
