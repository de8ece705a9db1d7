/** `check`: asks every api once, with the settings of `serve`, and says what to do where one does not answer. */
import type { Api } from '../openai/catalogue.ts';
import { noPaint, type Paint, table } from '../paint.ts';

export type ProbeResult =
  /** `note`: a sentence for people on what is not as it could be. */
  | { readonly ok: true; readonly note?: string }
  /** `reason`: the word of the metrics. `whatToDo`: a sentence for people. */
  | { readonly ok: false; readonly reason: string; readonly message: string; readonly whatToDo?: string };

export interface CheckOptions {
  /** The order is that of the table. */
  readonly apis: readonly Api[];
  /** Those that would not be polled, and why. They are shown, and are no failure. */
  readonly skipped?: readonly { readonly api: Api; readonly why: string }[];
  /** Asks one api once. What it throws is shown as a failure of that api. */
  readonly probe: (api: Api) => Promise<ProbeResult>;
  /** Asks for what the second scope allows: names and limits. Its failure is a warning. */
  readonly probeManagement: () => Promise<ProbeResult>;
  /** Looks where the state file is to be, if there is to be one. Its failure is a warning. */
  readonly probeStateFile?: () => Promise<ProbeResult>;
  readonly paint?: Paint;
  /** stdout, for the table. */
  readonly out: { write(text: string): unknown };
}

/** Resolves with the exit code: 0 if every api answered, 1 if one did not. */
export async function runCheck({
  apis,
  skipped = [],
  probe,
  probeManagement,
  probeStateFile,
  paint = noPaint,
  out,
}: CheckOptions): Promise<0 | 1> {
  // All at once: how many are really under way is the client's business.
  const [management, ...results] = await Promise.all([
    settled(probeManagement),
    ...apis.map((api) => settled(() => probe(api))),
  ]);
  const state = probeStateFile && (await settled(probeStateFile));
  const failed = results.filter((result) => !result.ok).length;
  out.write(
    table(
      [
        ['API', 'STATUS', 'WHAT TO DO'],
        ...apis.map((api, index) => row(api, results[index])),
        ...skipped.map(({ api, why }) => [api, 'skipped', why]),
        ['names and limits', ...warningCells(management)],
        ...(state === undefined ? [] : [['state file', ...warningCells(state)]]),
      ],
      lookOf(paint),
    ),
  );
  const warnings = [
    management.ok ? '' : ' Names and limits cannot be read; that is only a warning.',
    state === undefined || state.ok ? '' : ' The state file cannot be written; that is only a warning.',
  ];
  const sum = `${apis.length - failed} of ${apis.length} apis answered.`;
  out.write(`\n${failed === 0 ? paint.good(sum) : paint.bad(sum)}${warnings.join('')}\n`);
  return failed === 0 ? 0 : 1;
}

function lookOf(paint: Paint): (padded: string, row: number, column: number) => string {
  return (padded, row, column) => {
    if (row === 0) return paint.strong(padded);
    if (column !== 1) return padded;
    if (padded.startsWith('ok')) return paint.good(padded);
    return padded.startsWith('failed') ? paint.bad(padded) : paint.warn(padded);
  };
}

async function settled(probe: () => Promise<ProbeResult>): Promise<ProbeResult> {
  try {
    return await probe();
  } catch (error) {
    return { ok: false, reason: 'error', message: error instanceof Error ? error.message : String(error) };
  }
}

function row(api: Api, result: ProbeResult | undefined): readonly string[] {
  if (result === undefined || result.ok) return [api, 'ok', result?.note ?? ''];
  return [api, `failed (${result.reason})`, advice(result)];
}

function warningCells(result: ProbeResult): readonly string[] {
  return result.ok ? ['ok', ''] : [`warning (${result.reason})`, advice(result)];
}

function advice({ message, whatToDo }: Extract<ProbeResult, { ok: false }>): string {
  return whatToDo === undefined ? sentence(message) : `${whatToDo} (${message})`;
}

function sentence(text: string): string {
  return /[.!?…)]$/.test(text) ? text : `${text}.`;
}
