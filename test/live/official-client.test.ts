/** The official client's own responses, streamed and not, reported as they come: each is counted exactly. */
import type OpenAI from 'openai';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { reply, startHttpServer } from '../helpers/http-server.ts';
import { chatUsage, startLiveServer } from '../helpers/live-server.ts';

const canRun = Number(process.versions.node.split('.')[0]) >= 22;
if (!canRun) process.stderr.write('The official client needs Node 22: its responses are not reported here.\n');

const created = Math.floor(Date.now() / 1_000);
const responseUsage = {
  input_tokens: 900,
  input_tokens_details: { cached_tokens: 400, cache_write_tokens: 300 },
  output_tokens: 80,
  output_tokens_details: { reasoning_tokens: 64 },
  total_tokens: 980,
};
const about = { created, model: 'gpt-5', service_tier: 'default' };
const response = { id: 'resp_1', object: 'response', created_at: created, model: 'gpt-5', status: 'completed' };

const events = (list: readonly object[], end = '') =>
  `${list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}${end}`;

/** The answers that OpenAI would give, by path, streamed and not. */
const answers: Readonly<Record<string, { readonly whole: object; readonly stream?: string }>> = {
  '/v1/chat/completions': {
    whole: {
      ...about,
      id: 'chatcmpl-1',
      object: 'chat.completion',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'CANARY' } }],
      usage: chatUsage,
    },
    stream: events(
      [
        { choices: [{ index: 0, delta: { content: 'CANARY' } }], usage: null },
        { choices: [], usage: chatUsage },
      ].map((chunk) => ({ ...about, id: 'chatcmpl-2', object: 'chat.completion.chunk', ...chunk })),
      'data: [DONE]\n\n',
    ),
  },
  '/v1/responses': {
    whole: { ...response, output: [], usage: responseUsage },
    stream: events([
      { type: 'response.created', response: { ...response, id: 'resp_2', status: 'in_progress', usage: null } },
      { type: 'response.output_text.delta', delta: 'CANARY', item_id: 'msg_1' },
      { type: 'response.completed', response: { ...response, id: 'resp_2', output: [], usage: responseUsage } },
    ]),
  },
  '/v1/embeddings': {
    whole: {
      object: 'list',
      model: 'text-embedding-3-small',
      data: [{ object: 'embedding', index: 0, embedding: [0.1] }],
      usage: { prompt_tokens: 8, total_tokens: 8 },
    },
  },
  '/v1/images/generations': {
    whole: { created, data: [{ url: 'https://example.com/1' }, { url: 'https://example.com/2' }] },
  },
  '/v1/moderations': { whole: { id: 'modr-1', model: 'omni-moderation-latest', results: [{ flagged: false }] } },
};

describe.runIf(canRun)('with the official client', () => {
  let Client: typeof OpenAI;

  beforeAll(async () => {
    ({ default: Client } = await import('openai'));
  });

  async function start() {
    const server = await startLiveServer();
    const openai = await startHttpServer(({ path, headers }, reply_) => {
      const answer = answers[path];
      if (answer === undefined) return reply(reply_, 404, {});
      const isStream = answer.stream !== undefined && headers['x-stream'] === 'yes';
      return isStream
        ? reply(reply_, 200, answer.stream, { 'content-type': 'text/event-stream' })
        : reply(reply_, 200, answer.whole);
    });
    onTestFinished(() => openai.close());
    const client = new Client({ apiKey: 'sk-test', baseURL: `${openai.url.href}v1`, maxRetries: 0 });
    const report = async (record: unknown, query = '') => {
      const headers = { 'content-type': 'application/json' };
      const sent = await fetch(`${server.url}/api/live${query}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(record),
      });
      return await sent.json();
    };
    const totals = (api: string, name: string) =>
      [...server.exposition().series]
        .filter(([key]) => key.startsWith(`openai_live_${api}_${name}_total{`))
        .reduce((sum, [, value]) => sum + value, 0);
    return { client, report, totals, text: server.text };
  }

  test('chat completions count, whole and streamed', async () => {
    const { client, report, totals, text } = await start();
    const body = { model: 'gpt-5', messages: [{ role: 'user' as const, content: 'CANARY' }] };
    await report(await client.chat.completions.create(body));
    const stream = await client.chat.completions.create(
      { ...body, stream: true, stream_options: { include_usage: true } },
      { headers: { 'x-stream': 'yes' } },
    );
    const outcomes = [];
    for await (const chunk of stream) outcomes.push(await report(chunk));
    expect(outcomes).toMatchObject([
      { counted: 0, skipped: 1 },
      { counted: 1, skipped: 0 },
    ]);
    expect(totals('completions', 'input_tokens')).toBe(240);
    expect(totals('completions', 'input_cached_tokens')).toBe(200);
    expect(totals('completions', 'output_reasoning_tokens')).toBe(40);
    expect(totals('completions', 'num_model_requests')).toBe(2);
    expect(text()).not.toContain('CANARY');
  });

  test('responses count, whole and streamed', async () => {
    const { client, report, totals, text } = await start();
    await report(await client.responses.create({ model: 'gpt-5', input: 'CANARY' }));
    const stream = await client.responses.create(
      { model: 'gpt-5', input: 'CANARY', stream: true },
      { headers: { 'x-stream': 'yes' } },
    );
    for await (const event of stream) await report(event);
    expect(totals('completions', 'input_tokens')).toBe(1_800);
    expect(totals('completions', 'input_cache_write_tokens')).toBe(600);
    expect(totals('completions', 'num_model_requests')).toBe(2);
    expect(text()).not.toContain('CANARY');
  });

  test('embeddings, images and moderations count', async () => {
    const { client, report, totals } = await start();
    await report(
      await client.embeddings.create({ model: 'text-embedding-3-small', input: 'x', encoding_format: 'float' }),
    );
    await report(await client.images.generate({ model: 'gpt-image-1', prompt: 'x' }), '?model=gpt-image-1');
    await report(await client.moderations.create({ input: 'x' }));
    expect(totals('embeddings', 'input_tokens')).toBe(8);
    expect(totals('images', 'images')).toBe(2);
    expect(totals('images', 'num_model_requests')).toBe(1);
    expect(totals('moderations', 'num_model_requests')).toBe(1);
  });
});
