/** What `check` asks: of each api the bucket in progress, the first project for the second scope, and the state file's folder. */
import type { Clock } from '../clock.ts';
import { type Endpoint, endpointOf } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import { decodePage } from '../openai/decode.ts';
import { ApiError } from '../openai/errors.ts';
import { bucketQuery, type Filters } from '../openai/query.ts';
import { folderTrouble } from '../state/file.ts';
import { bucketAt, bucketEnd, polledWidths } from '../usage/windows.ts';
import type { ProbeResult } from './check.ts';

/** Milliseconds that one question may take, its retries included. */
const deadline = 20_000;

export interface ProbeOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly groupBy: readonly string[];
  readonly filters: Filters;
}

/** Asks one usage or costs api. */
export function probeApi({ client, clock, groupBy, filters }: ProbeOptions, api: string): Promise<ProbeResult> {
  const endpoint = endpointOf(api);
  if (endpoint === undefined) throw new RangeError(`there is no api ${api}`);
  return outcome(async () => {
    const dimensions = endpoint.dimensions.filter((name) => groupBy.includes(name));
    await client.get(
      {
        api,
        path: endpoint.path,
        query: queryOf(endpoint, dimensions, filters, clock.now()),
        priority: 'poll',
        deadline: clock.monotonic() + deadline,
      },
      (body) => decodePage(body, endpoint, dimensions),
    );
  });
}

/** Asks for what the scope `api.management.read` allows. */
export function probeManagement({ client, clock }: ProbeOptions): Promise<ProbeResult> {
  return outcome(async () => {
    await client.get(
      {
        api: 'projects',
        path: '/organization/projects',
        query: [['limit', '1']],
        priority: 'names',
        deadline: clock.monotonic() + deadline,
      },
      (body): unknown => JSON.parse(body.toString()),
    );
  });
}

/** Asks whether this user can keep a state file at the path, whose folder may be made if it is the usual one. */
export async function probeStateFile(path: string, isUsual = false): Promise<ProbeResult> {
  const trouble = await folderTrouble(path, isUsual);
  if (trouble === undefined) return { ok: true };
  return {
    ok: false,
    reason: trouble.code,
    message: trouble.message,
    whatToDo: 'Make the directory, and let the user that serves write to it.',
  };
}

function queryOf(
  endpoint: Endpoint,
  groupBy: readonly string[],
  filters: Filters,
  now: number,
): ReturnType<typeof bucketQuery> {
  const width = polledWidths(endpoint).at(-1) ?? '1d';
  const from = bucketAt(now, width);
  return bucketQuery({ endpoint, width, from, to: bucketEnd(from, width), groupBy, filters, limit: 1 });
}

async function outcome(ask: () => Promise<void>): Promise<ProbeResult> {
  try {
    await ask();
    return { ok: true };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { reason, detail, whatToDo } = error;
    const status = error.status === undefined ? '' : `status ${error.status}: `;
    return { ok: false, reason, message: `${status}${detail}`, whatToDo };
  }
}
