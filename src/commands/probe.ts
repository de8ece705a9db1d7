/** Asks what `check` asks: of each api the bucket in progress, the first project for the second scope, and the state file's folder. */
import type { Clock } from '../clock.ts';
import { type Api, endpointOf } from '../openai/catalogue.ts';
import type { Client } from '../openai/client.ts';
import { ApiError } from '../openai/errors.ts';
import { askerOf, findGranted, withAdvice } from '../openai/granted.ts';
import type { Filters } from '../openai/query.ts';
import { folderTrouble } from '../state/file.ts';
import { bucketAt, bucketEnd, polledWidths } from '../usage/windows.ts';
import type { ProbeResult } from './check.ts';

/** Milliseconds that one question may take, its retries included. */
const deadline = 20_000;

export interface ProbeOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly groupBy: readonly string[];
  /** True if what is not granted is left out; otherwise the user named the dimensions. */
  readonly groupByGranted: boolean;
  readonly filters: Filters;
}

/** Asks one usage or costs api. A dimension that is not granted is no failure where it is left out. */
export function probeApi(options: ProbeOptions, api: Api): Promise<ProbeResult> {
  const { client, clock, groupBy, groupByGranted, filters } = options;
  const endpoint = endpointOf(api);
  if (endpoint === undefined) throw new RangeError(`there is no api ${api}`);
  return outcome(async () => {
    const width = polledWidths(endpoint).at(-1) ?? '1d';
    const now = clock.now();
    const from = bucketAt(now, width);
    const span = { endpoint, width, from, to: bucketEnd(from, width), filters, now };
    const ask = askerOf(client, span, { priority: 'poll', deadline: clock.monotonic() + deadline });
    const dimensions = endpoint.dimensions.filter((name) => groupBy.includes(name));
    try {
      await ask(dimensions);
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const granted = await findGranted(dimensions, error, ask);
      if (granted === undefined) throw error;
      if (!groupByGranted) throw withAdvice(error, granted, groupBy);
      const names = [...granted.refused.keys()].join(', ');
      return `OpenAI does not grant grouping by ${names}: its numbers come without ${granted.refused.size === 1 ? 'that label' : 'those labels'}.`;
    }
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
    return undefined;
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
    whatToDo: 'Make the folder, and let the user that serves write to it.',
  };
}

/** @param ask resolves with a note for people, if there is one */
async function outcome(ask: () => Promise<string | undefined>): Promise<ProbeResult> {
  try {
    const note = await ask();
    return note === undefined ? { ok: true } : { ok: true, note };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { reason, detail, whatToDo } = error;
    const status = error.status === undefined ? '' : `status ${error.status}: `;
    return { ok: false, reason, message: `${status}${detail}`, whatToDo };
  }
}
