/** One rule gives the names; HELP says path, field, unit and delay. */
import { describe, expect, test } from 'vitest';
import { familyHeader, recentFamily, totalFamily } from '../../src/metrics/families.ts';
import { endpoints } from '../../src/openai/catalogue.ts';
import { endpointNamed } from '../helpers/rows.ts';

describe('families', () => {
  test.each([
    ['completions', 'input_tokens', 'openai_usage_completions_input_tokens', 'openai_completions_input_tokens_total'],
    ['images', 'images', 'openai_usage_images_images', 'openai_images_images_total'],
    [
      'audio_transcriptions',
      'seconds',
      'openai_usage_audio_transcriptions_seconds',
      'openai_audio_transcriptions_seconds_total',
    ],
    [
      'web_search_calls',
      'num_requests',
      'openai_usage_web_search_calls_num_requests',
      'openai_web_search_calls_num_requests_total',
    ],
  ])('%s %s', (api, name, gauge, counter) => {
    const endpoint = endpointNamed(api);
    const field = endpoint.fields.find((each) => each.name === name);
    expect(field && recentFamily(endpoint, field)).toMatchObject({ name: gauge, type: 'gauge' });
    expect(field && totalFamily(endpoint, field)).toMatchObject({ name: counter, type: 'counter' });
  });

  test('of costs are usage_costs, with nested fields joined', () => {
    const costs = endpointNamed('costs');
    expect(costs.fields.map((field) => recentFamily(costs, field).name)).toEqual([
      'openai_usage_costs_amount_value',
      'openai_usage_costs_quantity',
    ]);
  });

  test('have different names, and say where they come from, in which unit and how late', () => {
    const all = endpoints.flatMap((endpoint) =>
      endpoint.fields.flatMap((field) => {
        const made = [recentFamily(endpoint, field), ...(field.kind === 'flow' ? [totalFamily(endpoint, field)] : [])];
        for (const { help } of made) {
          for (const word of [endpoint.path, field.path.join('.'), field.unit, endpoint.delay])
            expect(help).toContain(word);
        }
        return made.map(({ name }) => name);
      }),
    );
    expect(new Set(all).size).toBe(all.length);
  });

  test('say the settle delay that is set', () => {
    const endpoint = endpointNamed('images');
    const [field] = endpoint.fields;
    expect(field && recentFamily(endpoint, field, 40).help).toContain('40 minutes');
  });

  test('have a header of two lines, escaped', () => {
    expect(familyHeader({ name: 'n', type: 'gauge', help: 'a\nb\\c"d' })).toBe(
      '# HELP n a\\nb\\\\c"d\n# TYPE n gauge\n',
    );
  });
});
