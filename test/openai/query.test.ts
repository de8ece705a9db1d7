import { describe, expect, it, test } from 'vitest';
import { type Endpoint, endpointOf, endpoints, type Width } from '../../src/openai/catalogue.ts';
import { type BucketQuery, bucketQuery, unsupportedFilters } from '../../src/openai/query.ts';

function endpoint(api: string): Endpoint {
  const found = endpointOf(api);
  if (!found) throw new Error(api);
  return found;
}

const base: BucketQuery = {
  endpoint: endpoint('completions'),
  width: '1h',
  from: 3_600,
  to: 7_200,
  groupBy: [],
  filters: {},
  limit: 1,
};

describe('bucketQuery', () => {
  it('repeats what is a list, with brackets, and sends batch once', () => {
    const query = bucketQuery({
      ...base,
      groupBy: ['project_id', 'model'],
      filters: { project_ids: ['a', 'b', 'a'], models: ['x y'], batch: ['false'], user_ids: [] },
    });
    expect(query).toEqual([
      ['start_time', '3600'],
      ['end_time', '7200'],
      ['bucket_width', '1h'],
      ['group_by[]', 'project_id'],
      ['group_by[]', 'model'],
      ['project_ids[]', 'a'],
      ['project_ids[]', 'b'],
      ['models[]', 'x y'],
      ['batch', 'false'],
      ['limit', '1'],
    ]);
    expect(Object.isFrozen(query) && query.every((pair) => Object.isFrozen(pair))).toBe(true);
  });

  it('takes both values of batch for no filter', () => {
    const query = bucketQuery({ ...base, filters: { batch: ['true', 'false'] } });
    expect(query.map(([name]) => name)).not.toContain('batch');
  });

  test.each<[string, Partial<BucketQuery>, RegExp]>([
    ['a start off the grid', { from: 3_660 }, /3660 to 7200 is not a range/],
    ['an end off the grid', { to: 7_260 }, /not a range/],
    ['an empty range', { to: 3_600 }, /not a range/],
    ['no buckets', { limit: 0 }, /limit 0/],
    ['more than the maximum', { limit: 169 }, /limit 169 is not within 1 and 168/],
    ['a dimension of others', { groupBy: ['size', 'model'] }, /completions does not have size$/],
    ['a filter of others', { filters: { sizes: ['1'] } }, /completions does not have sizes$/],
    ['a width that costs lack', { endpoint: endpoint('costs') }, /costs has no buckets of 1h/],
  ])('refuses %s', (_name, change, message) => {
    const attempt = () => bucketQuery({ ...base, ...change });
    expect(attempt).toThrow(RangeError);
    expect(attempt).toThrow(message);
  });

  it('serves every endpoint with all it has', () => {
    for (const one of endpoints) {
      for (const [width, limit] of Object.entries(one.limits)) {
        const query = bucketQuery({
          endpoint: one,
          width: width as Width,
          from: 0,
          to: 86_400,
          groupBy: one.dimensions,
          filters: Object.fromEntries(one.filters.map((name) => [name, ['true']])),
          limit: limit?.maximum ?? 0,
        });
        expect(query.length).toBe(4 + one.dimensions.length + one.filters.length);
      }
    }
  });
});

describe('unsupportedFilters', () => {
  it('are those in use that the endpoint lacks', () => {
    const filters = { project_ids: ['a'], user_ids: ['u'], models: [], batch: ['true'] };
    expect(unsupportedFilters(endpoint('completions'), filters)).toEqual([]);
    expect(unsupportedFilters(endpoint('vector_stores'), filters)).toEqual(['user_ids', 'batch']);
    expect(unsupportedFilters(endpoint('costs'), {})).toEqual([]);
  });
});
