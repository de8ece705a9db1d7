/** The snippets of docs/live.md work: what runs here is run against a real server, and the rest is at least well-formed. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { documentAt, fenceWith } from '../helpers/documents.ts';
import { liveTestLabels, startLiveServer } from '../helpers/live-server.ts';

const live = documentAt('docs/live.md');
const address = 'http://localhost:9185';
const total = 'openai_live_completions_input_tokens_total';

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!has('curl'))('the line for curl is counted', async () => {
  const { url, exposition } = await startLiveServer({ labels: [{ name: 'team', path: undefined }] });
  const command = fenceWith(live, 'curl').replace(address, url);
  const { stdout } = await promisify(execFile)('sh', ['-c', command]);
  expect(JSON.parse(stdout)).toEqual({ counted: 1, duplicates: 0, skipped: 0, refused: [] });
  expect(exposition().value(total, { ...liveTestLabels, model: 'gpt-5', team: 'search' })).toBe(34);
});

test('the envelope is counted', async () => {
  const { url, exposition } = await startLiveServer();
  const envelope = fenceWith(live, '"audio_speeches"');
  const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: envelope };
  expect(await (await fetch(`${url}/api/live`, options)).json()).toMatchObject({ counted: 1 });
  const labels = { ...liveTestLabels, project_id: 'proj_a', model: 'tts-1' };
  expect(exposition().value('openai_live_audio_speeches_characters_total', labels)).toBe(412);
});

test('the lines for TypeScript report a response, and each step of the Vercel AI SDK', async () => {
  const { url, exposition } = await startLiveServer();
  const source = `${fenceWith(live, 'const report').replace(address, url)}
${fenceWith(live, 'const onStepFinish')}
return { report, onStepFinish };`;
  const { report, onStepFinish } = new Function(source)();
  await report({ object: 'chat.completion', model: 'gpt-5', usage: { prompt_tokens: 5 } }, { project_id: 'proj_a' });
  const usage = {
    inputTokens: 100,
    inputTokenDetails: { noCacheTokens: 40, cacheReadTokens: 60, cacheWriteTokens: undefined },
    outputTokens: 20,
    outputTokenDetails: { textTokens: 12, reasoningTokens: 8 },
    totalTokens: 120,
  };
  const response = { id: 'resp_1', timestamp: new Date(), modelId: 'gpt-5', messages: ['CANARY'], headers: {} };
  const step = { text: 'CANARY', usage, response };
  await onStepFinish(step);
  // Reported again, it is the same response.
  await onStepFinish(step);
  expect(exposition().value(total, { ...liveTestLabels, project_id: 'proj_a', model: 'gpt-5' })).toBe(105);
});

test('the configurations are YAML, and name the routes that there are', () => {
  const liteLlm = parse(fenceWith(live, 'litellm_settings'));
  expect(liteLlm.callback_settings[liteLlm.litellm_settings.callbacks[0]].endpoint).toMatch(/\/api\/live$/);
  const collector = parse(fenceWith(live, 'otlphttp'));
  expect(collector.service.pipelines.metrics.exporters).toEqual(Object.keys(collector.exporters));
  expect(collector.exporters['otlphttp/live'].metrics_endpoint).toMatch(/\/api\/live\/otlp\/v1\/metrics$/);
});

test.skipIf(!has('python3'))('the lines for Python can be read', () => {
  const snippets = live.fences.filter(({ language }) => language === 'python').map(({ text }) => text);
  expect(snippets).toHaveLength(2);
  for (const text of snippets)
    execFileSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], { input: text });
});
