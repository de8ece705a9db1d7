/** OpenTelemetry's metrics of generative AI: from the real SDK in both encodings, and by hand where the SDK would not. */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { expect, onTestFinished, test } from 'vitest';
import type { Point } from '../../src/live/otlp/points.ts';
import { createOtlpReader } from '../../src/live/otlp/usage.ts';
import { liveTestLabels, startLiveServer } from '../helpers/live-server.ts';

const attributes = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-5',
  'gen_ai.response.model': 'gpt-5-2025-08-07',
};
const gpt5 = { ...liveTestLabels, model: 'gpt-5-2025-08-07', team: 'search' };

const encodings = [
  ['protobuf', ProtobufExporter],
  ['JSON', JsonExporter],
] as const;
const temporalities = [
  ['delta', AggregationTemporality.DELTA],
  ['cumulative', AggregationTemporality.CUMULATIVE],
] as const;

test.each(
  encodings.flatMap(([encoding, Exporter]) =>
    temporalities.map(([name, temporality]) => ({ encoding, Exporter, name, temporality })),
  ),
)('the SDK reports $name points in $encoding', async ({ Exporter, temporality }) => {
  const { url, exposition, live } = await startLiveServer({ labels: [{ name: 'team', path: 'service.name' }] });
  const exporter = new Exporter({ url: `${url}/api/live/otlp/v1/metrics`, temporalityPreference: temporality });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({
    readers: [reader],
    resource: resourceFromAttributes({ 'service.name': 'search' }),
  });
  onTestFinished(() => provider.shutdown());
  const meter = provider.getMeter('test');
  const counter = (name: string) => meter.createCounter(`gen_ai.client.inference.usage.${name}`);
  const input = counter('input_tokens');
  const output = counter('output_tokens');
  const cached = counter('cache_read.input_tokens');
  const value = (field: string) => exposition().value(`openai_live_completions_${field}_total`, gpt5);

  input.add(100, attributes);
  cached.add(60, attributes);
  output.add(7, attributes);
  input.add(1_000, { ...attributes, 'gen_ai.provider.name': 'anthropic' });
  await provider.forceFlush();
  expect([value('input_tokens'), value('input_cached_tokens'), value('output_tokens')]).toEqual([100, 60, 7]);

  input.add(20, attributes);
  await provider.forceFlush();
  await provider.forceFlush();
  expect([value('input_tokens'), value('output_tokens')]).toEqual([120, 7]);
  expect(live.records('otlp', 'refused')).toBe(0);
});

test.each(encodings)(
  'the SDK reports the older histogram in %s, with the requests that it counts',
  async (_, Exporter) => {
    const { url, exposition } = await startLiveServer();
    const exporter = new Exporter({ url: `${url}/api/live/otlp/v1/metrics` });
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({ readers: [reader] });
    onTestFinished(() => provider.shutdown());
    const histogram = provider.getMeter('test').createHistogram('gen_ai.client.token.usage', { unit: '{token}' });
    for (const tokens of [10, 20, 30]) histogram.record(tokens, { ...attributes, 'gen_ai.token.type': 'input' });
    histogram.record(5, { ...attributes, 'gen_ai.token.type': 'output' });
    await provider.forceFlush();
    const { team: _team, ...model } = gpt5;
    expect(exposition().value('openai_live_completions_input_tokens_total', model)).toBe(60);
    expect(exposition().value('openai_live_completions_output_tokens_total', model)).toBe(5);
    expect(exposition().value('openai_live_completions_num_model_requests_total', model)).toBe(3);
  },
);

interface PointOptions {
  readonly start?: number;
  readonly time?: number;
  readonly value?: unknown;
  readonly temporality?: number;
  readonly isMonotonic?: boolean;
}

/** Nanoseconds as OTLP writes them in JSON. */
const nanoseconds = (ms: number) => String(BigInt(Math.round(ms)) * 1_000_000n);

async function handWritten() {
  const server = await startLiveServer();
  const now = Date.now();
  const send = async ({ start = now, time = now, value = '1', temporality = 2, isMonotonic = true }: PointOptions) => {
    const point = {
      startTimeUnixNano: nanoseconds(start),
      timeUnixNano: nanoseconds(time),
      asInt: value,
      attributes: [{ key: 'gen_ai.request.model', value: { stringValue: 'gpt-5' } }],
    };
    const metric = {
      name: 'gen_ai.client.inference.usage.input_tokens',
      sum: { aggregationTemporality: temporality, isMonotonic, dataPoints: [point] },
    };
    const response = await fetch(`${server.url}/api/live/otlp/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] }),
    });
    return { status: response.status, body: await response.json() };
  };
  const total = () =>
    server.exposition().value('openai_live_completions_input_tokens_total', { ...liveTestLabels, model: 'gpt-5' });
  return { now, send, total };
}

test('a stream that is seen first in the middle counts from there on, and anew with each start', async () => {
  const { now, send, total } = await handWritten();
  const hourAgo = now - 3_600_000;
  await send({ start: hourAgo, time: now - 3, value: '1000' });
  expect(total()).toBeUndefined();
  await send({ start: hourAgo, time: now - 2, value: '1005' });
  expect(total()).toBe(5);
  // Sent again, and late.
  await send({ start: hourAgo, time: now - 2, value: '1005' });
  await send({ start: hourAgo, time: now - 3, value: '1000' });
  expect(total()).toBe(5);
  await send({ start: now, time: now + 1, value: '40' });
  expect(total()).toBe(45);
});

test('past 20,000 streams the oldest are forgotten, and count from where they come again', () => {
  const began = Date.UTC(2026, 4, 15);
  const reader = createOtlpReader([], began);
  const point = (stream: number, value: number, seconds: number): Point => ({
    metric: 'gen_ai.client.inference.usage.input_tokens',
    kind: 'sum',
    temporality: 'cumulative',
    isMonotonic: true,
    resource: new Map([['stream', stream]]),
    attributes: new Map(),
    start: BigInt(began) * 1_000_000n,
    time: BigInt(began + seconds * 1_000) * 1_000_000n,
    value,
    count: undefined,
  });
  const counted = (...points: readonly Point[]) =>
    reader
      .read(points, { api: undefined, labels: new Map() }, began + 60_000)
      .reduce((sum, reading) => sum + ('usage' in reading ? (reading.usage.counts[0]?.[1] ?? 0) : 0), 0);
  expect(counted(...Array.from({ length: 20_000 }, (_, stream) => point(stream, 100, 1)))).toBe(2_000_000);
  expect(counted(point(0, 101, 2))).toBe(1);
  expect(counted(point(20_000, 100, 2))).toBe(100);
  // The first was seen since, the second was not.
  expect(counted(point(0, 103, 3), point(20_000, 104, 3))).toBe(6);
  expect(counted(point(1, 1_000, 3))).toBe(0);
  expect(counted(point(1, 1_007, 4))).toBe(7);
});

test('a delta point counts once, however often it is sent', async () => {
  const { now, send, total } = await handWritten();
  for (const _ of [1, 2, 3]) await send({ start: now - 2, time: now - 1, value: '7', temporality: 1 });
  expect(total()).toBe(7);
  await send({ start: now - 1, time: now, value: '7', temporality: 1 });
  expect(total()).toBe(14);
});

test.each<[string, PointOptions]>([
  ['its temporality is neither delta nor cumulative', { temporality: 0 }],
  ['it is no counter', { isMonotonic: false }],
  ['it is not a whole number of tokens', { value: '-1' }],
  ['it has no sum', { value: 'CANARY' }],
])('what cannot be counted is a partial success: %s', async (reason, point) => {
  const { send, total } = await handWritten();
  expect(await send(point)).toEqual({
    status: 200,
    body: {
      partialSuccess: {
        rejectedDataPoints: '1',
        errorMessage: `gen_ai.client.inference.usage.input_tokens: ${reason}`,
      },
    },
  });
  expect(total()).toBeUndefined();
});

test('a stream that falls without a new start is refused', async () => {
  const { now, send, total } = await handWritten();
  await send({ value: '10' });
  const { body } = await send({ time: now + 1, value: '5' });
  expect(JSON.stringify(body)).toContain('it has fallen without a new start time');
  expect(total()).toBe(10);
});

test.each(['application/json', 'application/x-protobuf'])(
  'what is no OTLP gets 400 in the encoding of the request: %s',
  async (type) => {
    const { url } = await startLiveServer();
    const response = await fetch(`${url}/api/live/otlp/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: 'CANARY CANARY CANARY',
    });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain(type);
    expect(await response.text()).not.toContain('CANARY');
  },
);

test('what is refused before it is read has a status in the encoding of the request', async () => {
  const { url } = await startLiveServer({ isAllowed: () => 'unauthorized' });
  const send = async (type: string) => {
    const options = { method: 'POST', headers: { 'content-type': type }, body: '{}' };
    const response = await fetch(`${url}/api/live/otlp/v1/metrics`, options);
    expect(response.status).toBe(401);
    return Buffer.from(await response.arrayBuffer());
  };
  const message = 'the token is missing or wrong; send it as Authorization: Bearer';
  expect(JSON.parse(String(await send('application/json')))).toEqual({ message });
  const reader = new BinaryReader(await send('application/x-protobuf'));
  expect([reader.tag()[0], reader.string()]).toEqual([2, message]);
});
