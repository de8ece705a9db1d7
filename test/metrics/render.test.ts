/** Small pages, whole, to be read. */
import { afterEach, expect, test } from 'vitest';
import { seconds } from '../helpers/rows.ts';
import { type Asked, rowsClient } from '../helpers/rows-client.ts';
import { type RunningExporter, runExporter } from '../helpers/running-exporter.ts';

let running: RunningExporter | undefined;
afterEach(async () => {
  await running?.end();
  running = undefined;
});

async function pageOf(start: string, flags: readonly string[], rows: (asked: Asked) => readonly object[]) {
  running = runExporter({ start, flags, client: rowsClient(rows) });
  await running.minutes(0.5);
  // Names have tests of their own.
  return running.text().replace(/# HELP openai_(project|api_key|user)_info [\s\S]*/, '');
}

const at = ({ width, start }: Asked, expected: string, text: string) => width === expected && start === seconds(text);

test('usage: the gauges of recent buckets, and the counters', async () => {
  const text = await pageOf(
    '2026-11-20T09:07:00Z',
    ['--poll.apis=embeddings', '--poll.group-by=project_id,model'],
    (asked) => {
      const row = (project_id: string | null, model: string, input_tokens: number, num_model_requests: number) => ({
        project_id,
        model,
        input_tokens,
        num_model_requests,
      });
      if (at(asked, '1d', '2026-11-03T00:00Z')) return [row('p', 'm', 1_000, 10), row(null, 'm', 5, 1)];
      if (at(asked, '1m', '2026-11-20T08:51Z')) return [row('p', 'm', 30, 2), row('p', 'm', 12, 1)];
      if (at(asked, '1m', '2026-11-20T08:20Z')) return [row('p', 'new', 7, 1)];
      if (at(asked, '1h', '2026-11-20T08:00Z')) return [row('p', 'm', 42, 3), row('p', 'new', 7, 1)];
      if (at(asked, '1h', '2026-11-20T09:00Z')) return [row('p', 'm', 1, 1)];
      return [];
    },
  );
  expect(text).toBe(`\
# HELP openai_usage_embeddings_input_tokens input_tokens of /v1/organization/usage/embeddings, in tokens. One bucket, of the width in bucket_width: select one width and one state. OpenAI reports it 5 to 15 minutes late and restates it now and then. A bucket is final 15 minutes after its end.
# TYPE openai_usage_embeddings_input_tokens gauge
openai_usage_embeddings_input_tokens{bucket_width="1m",state="settled",project_id="p",model="m"} 42
openai_usage_embeddings_input_tokens{bucket_width="1m",state="settled",project_id="p",model="new"} 0
openai_usage_embeddings_input_tokens{bucket_width="1h",state="settling",project_id="p",model="m"} 42
openai_usage_embeddings_input_tokens{bucket_width="1h",state="settling",project_id="p",model="new"} 7
openai_usage_embeddings_input_tokens{bucket_width="1h",state="open",project_id="p",model="m"} 1
openai_usage_embeddings_input_tokens{bucket_width="1h",state="open",project_id="p",model="new"} 0
# HELP openai_embeddings_input_tokens_total input_tokens of /v1/organization/usage/embeddings, in tokens. Sum of all settled buckets since the anchor, by default the start of the month in UTC. OpenAI reports it 5 to 15 minutes late and restates it now and then. A bucket is final 15 minutes after its end.
# TYPE openai_embeddings_input_tokens_total counter
openai_embeddings_input_tokens_total{project_id="p",model="m"} 1042
openai_embeddings_input_tokens_total{project_id="none",model="m"} 5
openai_embeddings_input_tokens_total{project_id="p",model="new"} 7
# HELP openai_usage_embeddings_num_model_requests num_model_requests of /v1/organization/usage/embeddings, in requests. Requests to the model. One bucket, of the width in bucket_width: select one width and one state. OpenAI reports it 5 to 15 minutes late and restates it now and then. A bucket is final 15 minutes after its end.
# TYPE openai_usage_embeddings_num_model_requests gauge
openai_usage_embeddings_num_model_requests{bucket_width="1m",state="settled",project_id="p",model="m"} 3
openai_usage_embeddings_num_model_requests{bucket_width="1m",state="settled",project_id="p",model="new"} 0
openai_usage_embeddings_num_model_requests{bucket_width="1h",state="settling",project_id="p",model="m"} 3
openai_usage_embeddings_num_model_requests{bucket_width="1h",state="settling",project_id="p",model="new"} 1
openai_usage_embeddings_num_model_requests{bucket_width="1h",state="open",project_id="p",model="m"} 1
openai_usage_embeddings_num_model_requests{bucket_width="1h",state="open",project_id="p",model="new"} 0
# HELP openai_embeddings_num_model_requests_total num_model_requests of /v1/organization/usage/embeddings, in requests. Requests to the model. Sum of all settled buckets since the anchor, by default the start of the month in UTC. OpenAI reports it 5 to 15 minutes late and restates it now and then. A bucket is final 15 minutes after its end.
# TYPE openai_embeddings_num_model_requests_total counter
openai_embeddings_num_model_requests_total{project_id="p",model="m"} 13
openai_embeddings_num_model_requests_total{project_id="none",model="m"} 1
openai_embeddings_num_model_requests_total{project_id="p",model="new"} 1
`);
});

test('costs: amounts by currency and quantities by unit, exact until they are written', async () => {
  const text = await pageOf('2026-11-20T09:07:00Z', ['--poll.apis=costs', '--poll.group-by=line_item'], (asked) => {
    const line = (line_item: string, value: string | number, currency: string, quantity?: number, unit?: string) => ({
      line_item,
      amount: { value, currency },
      ...(quantity === undefined ? {} : { quantity, quantity_unit: unit ?? null }),
    });
    if (at(asked, '1d', '2026-11-18T00:00Z'))
      return [line('calls', '0.1', 'usd', 3, 'calls'), line('calls', 0.2, 'usd', 4, 'calls')];
    if (at(asked, '1d', '2026-11-19T00:00Z')) return [line('credit', '-1.50', 'usd'), line('calls', '2', 'eur')];
    if (at(asked, '1d', '2026-11-20T00:00Z')) return [line('calls', '0E-6176', 'usd', 1, 'calls')];
    return [];
  });
  const gauges = text.slice(0, text.indexOf('# HELP openai_costs_month_to_date'));
  const help = 'OpenAI reports it 10 minutes to hours late. A day is final 24 hours after its end.';
  expect(gauges).toBe(`\
# HELP openai_usage_costs_amount_value amount.value of /v1/organization/costs, in units of the currency. It matches the invoice, and does not reconcile exactly with usage. One bucket, of the width in bucket_width: select one width and one state. ${help}
# TYPE openai_usage_costs_amount_value gauge
openai_usage_costs_amount_value{bucket_width="1d",state="settled",currency="usd",line_item="calls"} 0.3
openai_usage_costs_amount_value{bucket_width="1d",state="settling",currency="usd",line_item="credit"} -1.5
openai_usage_costs_amount_value{bucket_width="1d",state="settling",currency="eur",line_item="calls"} 2
openai_usage_costs_amount_value{bucket_width="1d",state="open",currency="usd",line_item="calls"} 0
openai_usage_costs_amount_value{bucket_width="1d",state="open",currency="usd",line_item="credit"} 0
# HELP openai_usage_costs_quantity quantity of /v1/organization/costs, in the unit in quantity_unit. What the line item billed. One bucket, of the width in bucket_width: select one width and one state. ${help}
# TYPE openai_usage_costs_quantity gauge
openai_usage_costs_quantity{bucket_width="1d",state="settled",quantity_unit="calls",line_item="calls"} 7
openai_usage_costs_quantity{bucket_width="1d",state="open",quantity_unit="calls",line_item="calls"} 1
`);
});

test('a level has no counter, and a field that nobody knows is a gauge', async () => {
  const text = await pageOf('2026-11-20T09:07:00Z', ['--poll.apis=vector_stores', '--poll.group-by=none'], (asked) =>
    asked.width === '1m' ? [{ usage_bytes: 3_000_000_000, shards: 2 }] : [],
  );
  expect(text.split('\n').filter((line) => !line.startsWith('# HELP'))).toEqual([
    '# TYPE openai_usage_vector_stores_usage_bytes gauge',
    'openai_usage_vector_stores_usage_bytes{bucket_width="1m",state="settled"} 3000000000',
    '# TYPE openai_usage_vector_stores_shards gauge',
    'openai_usage_vector_stores_shards{bucket_width="1m",state="settled"} 2',
    '',
  ]);
});

test('label values cannot break a line', async () => {
  const text = await pageOf('2026-11-20T09:07:00Z', ['--poll.apis=moderations', '--poll.group-by=model'], (asked) =>
    at(asked, '1m', '2026-11-20T08:51Z')
      ? [
          { model: 'a"} 1\n# TYPE x\\', input_tokens: 1 },
          { model: 'x'.repeat(10_000), input_tokens: 2 },
        ]
      : [],
  );
  const lines = text.split('\n').filter((line) => line.startsWith('openai_usage'));
  expect(lines).toEqual([
    'openai_usage_moderations_input_tokens{bucket_width="1m",state="settled",model="a\\"} 1\\n# TYPE x\\\\"} 1',
    `openai_usage_moderations_input_tokens{bucket_width="1m",state="settled",model="${'x'.repeat(256)}"} 2`,
  ]);
});
