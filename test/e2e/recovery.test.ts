/** A real process through an outage of everything: how little it asks, what it says, and how soon all is well again. */
import { expect, test, vi } from 'vitest';
import { reply } from '../helpers/http-server.ts';
import { apiNames, usageApis } from './apis.ts';
import { exporterOf, scriptedApi } from './exporter.ts';

const rows = (name: string) => {
  if (name === 'costs') return [{ amount: { value: '1.25', currency: 'usd' }, project_id: 'p' }];
  const fields = usageApis.find(({ api }) => api === name)?.required ?? [];
  return [{ project_id: 'p', ...Object.fromEntries(fields.map((field) => [field, 10])) }];
};

test('an outage is sat out with two requests a minute, and the first answer brings all apis back', async () => {
  const api = await scriptedApi({ rows });
  const exporter = await exporterOf(api, ['--poll.interval=2s', '--poll.idle-interval=2s', '--openai.timeout=5s'], {
    names: true,
  });
  const ups = async () => {
    const page = await exporter.metrics();
    return apiNames.map((name) => page.value('openai_up', { api: name }));
  };
  const all = (value: number) =>
    vi.waitFor(async () => expect(await ups()).toEqual(apiNames.map(() => value)), { timeout: 60_000, interval: 200 });
  await all(1);

  api.faults.set('*', (response) => reply(response, 500, { error: { message: 'The server had an error.' } }));
  // An api that is not asked, because the others were not answered, counts as down, too: after twice the timeout.
  await all(0);
  const asked = api.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  expect(api.requests.length - asked).toBeLessThanOrEqual(2);
  expect(await (await exporter.get('/')).text()).toContain('OpenAI does not answer');

  api.faults.clear();
  const before = performance.now();
  await all(1);
  expect(performance.now() - before).toBeLessThan(45_000);
}, 180_000);
