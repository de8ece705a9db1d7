/** The Vercel AI SDK with its provider for OpenAI, by the line of docs/live.md: each step is counted, streamed and not. */
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
import { expect, onTestFinished, test } from 'vitest';
import { documentAt, fenceWith } from '../helpers/documents.ts';
import { reply, startHttpServer } from '../helpers/http-server.ts';
import { chatUsage, liveTestLabels, patience, startLiveServer } from '../helpers/live-server.ts';

const about = { created: Math.floor(Date.now() / 1_000), model: 'gpt-5-2025-08-07' };

/** OpenAI's answers: the first one whole, the second as a stream. */
async function start() {
  const live = documentAt('docs/live.md');
  const server = await startLiveServer();
  const openai = await startHttpServer((_request, response, index) => {
    if (index === 0) {
      const message = { role: 'assistant', content: 'CANARY' };
      const choices = [{ index: 0, finish_reason: 'stop', message }];
      return reply(response, 200, { ...about, id: 'chatcmpl-1', object: 'chat.completion', choices, usage: chatUsage });
    }
    const chunks = [
      { choices: [{ index: 0, delta: { role: 'assistant', content: 'CANARY' }, finish_reason: null }], usage: null },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: null },
      { choices: [], usage: chatUsage },
    ].map((chunk) => ({ ...about, id: 'chatcmpl-2', object: 'chat.completion.chunk', ...chunk }));
    const events = [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]'];
    const text = events.map((event) => `data: ${event}\n\n`).join('');
    return reply(response, 200, text, { 'content-type': 'text/event-stream' });
  });
  onTestFinished(() => openai.close());
  const source = [
    fenceWith(live, 'const report').replace('http://localhost:9185', server.url),
    fenceWith(live, 'const onStepFinish'),
  ];
  const { onStepFinish } = new Function(`${source.join('\n')}\nreturn { onStepFinish };`)();
  const model = createOpenAI({ apiKey: 'sk-test', baseURL: `${openai.url.href}v1` }).chat('gpt-5');
  return { server, model, onStepFinish };
}

test('generateText and streamText report what they used', async () => {
  const { server, model, onStepFinish } = await start();
  await generateText({ model, prompt: 'CANARY', onStepFinish });
  const stream = streamText({ model, prompt: 'CANARY', onStepFinish });
  await stream.consumeStream();
  const labels = { ...liveTestLabels, project_id: 'proj_a', model: about.model };
  const total = (field: string) => server.exposition().value(`openai_live_completions_${field}_total`, labels);
  await expect.poll(() => server.live.records('ai_sdk', 'counted'), patience).toBe(2);
  expect([total('input_tokens'), total('input_cached_tokens'), total('output_reasoning_tokens')]).toEqual([
    240, 200, 40,
  ]);
  expect(total('num_model_requests')).toBe(2);
  expect(server.text()).not.toContain('CANARY');
});
