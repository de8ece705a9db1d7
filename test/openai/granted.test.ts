import { describe, expect, test } from 'vitest';
import { allDimensions, leftOutFirst } from '../../src/openai/catalogue.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { aboutGrouping, findGranted } from '../../src/openai/granted.ts';

type Words = { readonly message: string; readonly param?: string | undefined; readonly code?: string };

function refusal({ message, param, code }: Words, status = 400): ApiError {
  return new ApiError({
    reason: status === 400 ? 'rejected' : 'server',
    api: 'costs',
    path: '/organization/costs',
    status,
    detail: message,
    param,
    code,
  });
}

/** Returns what an API answers that refuses some dimensions; of several in one query it names the first. */
type Refuses = (dimensions: readonly string[]) => Words | undefined;

const invalid: Words = { message: 'Invalid value for group_by', param: 'group_by' };

async function search(asked: readonly string[], refuses: Refuses) {
  const questions: string[] = [];
  const first = refuses(asked);
  if (first === undefined) throw new Error('nothing is refused');
  const granted = await findGranted(asked, refusal(first), async (dimensions) => {
    questions.push(dimensions.join(' '));
    const words = refuses(dimensions);
    if (words !== undefined) throw refusal(words);
  });
  return { granted: granted?.dimensions, refused: [...(granted?.refused.keys() ?? [])], questions };
}

const costs = ['project_id', 'line_item', 'api_key_id', 'user_id'];

/** Refuses each of these dimensions, in words that follow from which it is and where it stands. */
const refusing =
  (dimensions: readonly string[], words: (name: string, index: number) => Words): Refuses =>
  (asked) => {
    const index = asked.findIndex((name) => dimensions.includes(name));
    const name = asked[index];
    return name === undefined ? undefined : words(name, index);
  };

describe('a refused dimension is found', () => {
  const supported = "Supported values are: 'project_id' and 'line_item'.";
  const forms: Readonly<Record<string, (name: string, index: number) => Words>> = {
    'by name and index': (name, index) => ({
      message: `Invalid value: '${name}'. ${supported}`,
      param: `group_by[${index}]`,
      code: 'invalid_value',
    }),
    'by name alone': (name) => ({ message: `Invalid value: '${name}'. ${supported}` }),
    'by index alone': (_, index) => ({ message: 'Invalid value.', param: `group_by[${index}]` }),
    'by index in the other form': (_, index) => ({ message: 'Invalid value.', param: `group_by.${index}` }),
    'by name for a span of time': (name) => ({
      message: `group_by=${name} is not available for this time range. Try a start_time on or after 1764979200.`,
      param: 'start_time',
    }),
  };
  test.each(Object.entries(forms))('%s, with one question', async (_, words) => {
    for (const name of ['project_id', 'api_key_id']) {
      expect(await search(costs, refusing([name], words))).toEqual({
        granted: costs.filter((each) => each !== name),
        refused: [name],
        questions: [costs.filter((each) => each !== name).join(' ')],
      });
    }
  });

  test('by what is supported, where it says nothing else', async () => {
    const words = () => ({
      message: "Supported values are: 'project_id', 'line_item' and 'user_id'.",
      param: 'group_by',
    });
    expect(await search(costs, refusing(['api_key_id'], words))).toMatchObject({ refused: ['api_key_id'] });
  });

  test('by leaving the newest out one by one, and putting back what was not at fault', async () => {
    for (const name of costs) {
      const found = await search(
        costs,
        refusing([name], () => invalid),
      );
      expect(found).toMatchObject({ granted: costs.filter((each) => each !== name), refused: [name] });
      expect(found.questions.length).toBeLessThanOrEqual(2 * costs.length + 2);
    }
  });

  test('by the newer of two that do not go together', async () => {
    const together: Refuses = (asked) =>
      asked.includes('user_id') && asked.includes('project_id')
        ? { message: 'Grouping by user_id cannot be combined with project_id for this organization.' }
        : undefined;
    expect(await search(['project_id', 'user_id'], together)).toEqual({
      granted: ['project_id'],
      refused: ['user_id'],
      questions: ['project_id'],
    });
  });

  test('where the API says nothing at all, but answers without dimensions', async () => {
    const words = () => ({ message: 'Bad Request' });
    const asked = ['project_id', 'model', 'api_source'];
    expect(await search(asked, refusing(['api_source'], words))).toMatchObject({
      granted: ['project_id', 'model'],
      refused: ['api_source'],
    });
  });
});

describe('several are found', () => {
  test.each<[string, (name: string, index: number) => Words]>([
    ['named one after another', (name) => ({ message: `Invalid value: '${name}'.`, param: undefined })],
    ['not named', () => invalid],
  ])('%s', async (_, words) => {
    const found = await search(costs, refusing(['line_item', 'user_id'], words));
    expect(found.granted).toEqual(['project_id', 'api_key_id']);
    expect(found.refused.toSorted()).toEqual(['line_item', 'user_id']);
  });

  test('all of them: then nothing is grouped by', async () => {
    const found = await search(costs, (asked) => (asked.length > 0 ? invalid : undefined));
    expect(found).toMatchObject({ granted: [], refused: ['user_id', 'api_key_id', 'line_item', 'project_id'] });
  });
});

describe('another error is not mistaken for one about the dimensions', () => {
  const others: readonly Words[] = [
    { message: "Invalid value: '2m'. Supported values are: '1m', '1h'.", param: 'bucket_width' },
    { message: "'end_time' must be after 'start_time'.", param: 'end_time' },
    { message: 'start_time is beyond the reporting lookback', code: 'reporting_lookback_exceeded' },
    { message: 'The page token is invalid, have you modified the query parameters?' },
    { message: 'Invalid project proj_1', param: 'project_ids[0]' },
  ];
  test.each(others)('$message', async (words) => {
    expect(aboutGrouping(refusal(words), costs)).toBe('no');
    expect(await search(costs, () => words)).toEqual({ granted: undefined, refused: [], questions: [] });
  });

  test('another status', () => {
    expect(aboutGrouping(refusal(invalid, 500), costs)).toBe('no');
    expect(aboutGrouping(new Error('group_by'), costs)).toBe('no');
  });

  test('one that says nothing and comes without dimensions, too', async () => {
    const found = await search(costs, () => ({ message: 'Bad Request' }));
    expect(found.granted).toBeUndefined();
    expect(found.questions.length).toBeLessThanOrEqual(2);
  });

  test('one that passes', async () => {
    let count = 0;
    const found = await search(costs, () => (count++ === 0 ? { message: 'Bad Request' } : undefined));
    expect(found.granted).toBeUndefined();
  });

  test('a failure of another kind ends the search', async () => {
    const failing = findGranted(costs, refusal(invalid), () => Promise.reject(refusal({ message: 'later' }, 503)));
    await expect(failing).rejects.toThrow('later');
  });
});

test('every dimension of the catalogue has its place in the order', () => {
  expect(allDimensions.filter((name) => !leftOutFirst.includes(name))).toEqual([]);
});
