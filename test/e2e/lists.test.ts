/** Names and limits of a real process, from lists that are longer than a minute has requests. */
import type { ServerResponse } from 'node:http';
import { expect, test, vi } from 'vitest';
import type { Exposition } from '../helpers/exposition-parser.ts';
import { type ReceivedRequest, reply } from '../helpers/http-server.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const projects = Array.from({ length: 400 }, (_, i) => ({ id: `proj_${i}`, name: `Project ${i}`, status: 'active' }));
const users = Array.from({ length: 1_500 }, (_, i) => ({ id: `user_${i}`, name: `User ${i}` }));
/** The projects that are in use: those at the end of the list. */
const used = projects.slice(-12);
const usedIds = new Set(used.map(({ id }) => id));

/** A page of a list, as the API cuts it. */
function pageOf(items: readonly { readonly id: string }[], { query }: ReceivedRequest): object {
  const first = items.findIndex(({ id }) => id === query.get('after')) + 1;
  const data = items.slice(first, first + Number(query.get('limit') ?? 20));
  return { object: 'list', data, has_more: first + data.length < items.length, last_id: data.at(-1)?.id ?? null };
}

const projectOf = ({ path }: ReceivedRequest): string => /\/projects\/([^/]+)\//.exec(path)?.[1] ?? '';
const nameOf = (page: Exposition, kind: string, id: string): string | undefined =>
  page.families.get(`openai_${kind}_info`)?.samples.find(({ labels }) => labels[`${kind}_id`] === id)?.labels[
    `${kind}_name`
  ];
const isList = ({ path }: ReceivedRequest): boolean => !/\/(?:usage\/\w+|costs)$/.test(path);

async function largeOrganization() {
  const api = await scriptedApi({
    rows: (name) =>
      name !== 'completions'
        ? []
        : used.map(({ id }) => ({
            project_id: id,
            api_key_id: `key_of_${id}`,
            model: 'gpt-4o',
            input_tokens: 5,
            output_tokens: 5,
            num_model_requests: 1,
          })),
  });
  const list = (name: string, answer: (request: ReceivedRequest) => object) =>
    api.faults.set(name, (response: ServerResponse, request: ReceivedRequest) => reply(response, 200, answer(request)));
  list('projects', (request) => pageOf(projects, request));
  list('users', (request) => pageOf(users, request));
  list('api_keys', (request) => {
    const id = `key_of_${projectOf(request)}`;
    return pageOf([{ id, name: `Name of ${id}`, owner: null } as { readonly id: string }], request);
  });
  list('rate_limits', (request) =>
    pageOf([{ id: 'rl', model: 'gpt-4o', max_requests_per_1_minute: 500 } as { readonly id: string }], request),
  );
  return api;
}

test('keys and limits of projects with usage come first, and nothing is read twice', async () => {
  const api = await largeOrganization();
  // A third of it, 200, is for names and limits; a round takes some 1,600.
  const exporter = await exporterOf(api, ['--poll.apis=completions', '--names.refresh=1m'], { names: true });
  await vi.waitFor(
    async () => {
      const page = await exporter.metrics();
      for (const { id, name } of used) {
        const key = `key_of_${id}`;
        expect(nameOf(page, 'project', id)).toBe(name);
        expect(nameOf(page, 'api_key', key)).toBe(`Name of ${key}`);
        const limit = { project_id: id, model: 'gpt-4o' };
        expect(page.value('openai_project_rate_limit_max_requests_per_1_minute', limit)).toBe(500);
      }
      // All 200 of the first minute are spent: none was held back.
      expect(api.requests.filter(isList).length).toBeGreaterThan(180);
    },
    { timeout: 45_000, interval: 200 },
  );
  const asked = api.requests.filter(isList);
  expect(asked.length).toBeLessThanOrEqual(200);
  const pages = asked.map(({ target }) => target);
  expect(new Set(pages).size).toBe(pages.length);
  // Each kind has had a share: the projects to their end, the users, the projects without usage.
  const count = (fits: (request: ReceivedRequest) => boolean) => asked.filter(fits).length;
  expect(count(({ path }) => path.endsWith('/projects'))).toBe(4);
  expect(count((request) => usedIds.has(projectOf(request)))).toBe(5 * used.length);
  expect(count(({ path }) => path.endsWith('/users'))).toBe(15);
  expect(count((request) => /^proj_/.test(projectOf(request)) && !usedIds.has(projectOf(request)))).toBeGreaterThan(50);

  // Those of the projects with usage came among the first.
  const places = asked.flatMap((request, place) => (usedIds.has(projectOf(request)) ? [place] : []));
  expect(places.at(-1)).toBeLessThan(110);
});

test('a long list that fails on the way goes on there', async () => {
  const api = await largeOrganization();
  const honest = api.faults.get('users');
  let failed = 0;
  api.faults.set('users', (response, request, answer) => {
    // Three tries of one page are what a turn has.
    if (request.query.get('after') === 'user_499' && failed < 2) {
      failed += 1;
      return reply(response, 503, { error: { message: 'busy' } });
    }
    return honest?.(response, request, answer);
  });
  const exporter = await exporterOf(api, ['--poll.apis=completions'], { names: true });
  await vi.waitFor(async () => expect((await exporter.metrics()).value('openai_up', { api: 'users' })).toBe(1), {
    timeout: 45_000,
    interval: 200,
  });
  const asked = api.requests.filter(({ path }) => path.endsWith('/users')).map(({ query }) => query.get('after'));
  expect(asked).toHaveLength(17);
  expect(asked.filter((after) => after === 'user_499')).toHaveLength(3);
  expect(new Set(asked).size).toBe(15);
});
