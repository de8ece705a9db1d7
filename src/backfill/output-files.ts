/**
 * The place a backfill writes to: a file, a folder with a file for each UTC month, or stdout; and the folder beside it that
 * holds what has been read until all is written. What is wrong with any of it is found before anything is asked.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { reasonOf } from '../error-code.ts';
import { anchorAfter, anchorAt, monthly } from '../usage/windows.ts';
import type { Bounds } from './backfill-plan.ts';

/** One file of the output, or stdout. */
export interface OutputFile {
  /** Undefined for stdout. */
  readonly path: string | undefined;
  /** Its samples are those in [from, to), in milliseconds. */
  readonly from: number;
  readonly to: number;
}

export interface Output {
  /** Journals and columns; removed when all is written. */
  readonly work: string;
  readonly bounds: Bounds;
  readonly files: readonly OutputFile[];
}

export interface OutputOptions {
  /** `-` for stdout. A folder is one that exists, or ends with a slash. */
  readonly output: string;
  readonly resume: boolean;
  /** The settings that the numbers depend on: a run is gone on with only by one of the same. */
  readonly fingerprint: string;
  /** Label text that all series have: in the same series there must not be others. */
  readonly labels: string;
  readonly bounds: Bounds;
  /** Milliseconds: no sample comes later than this behind the last bucket. */
  readonly latest: number;
}

const job = z.object({
  fingerprint: z.string(),
  labels: z.string(),
  bounds: z.object({ from: z.number(), to: z.number(), costsTo: z.number(), lookTo: z.number() }),
});

/** Prepares the folder for work, which shows whether it can be written. */
export function prepareOutput(options: OutputOptions): Output | { readonly mistake: string } {
  const { output, resume } = options;
  if (output === '-') {
    if (resume) return { mistake: '--resume: what goes to stdout cannot be resumed; give --output a file or a folder' };
    const work = mkdtempSync(join(tmpdir(), 'openai-usage-backfill-'));
    return { work, bounds: options.bounds, files: [whole(undefined)] };
  }
  const path = resolve(output);
  const folder = output.endsWith('/') || (existsSync(path) && statSync(path).isDirectory());
  const work = folder ? join(path, '.partial') : `${path}.partial`;
  try {
    if (!folder && existsSync(path)) return { mistake: `--output: ${path} exists; name another file, or remove it` };
    if (!folder && !existsSync(dirname(path))) return { mistake: `--output: there is no folder ${dirname(path)}` };
    const found = existsSync(join(work, 'job.json')) ? readFileSync(join(work, 'job.json'), 'utf8') : undefined;
    if (resume && found === undefined) return { mistake: `--resume: there is nothing to go on with in ${work}` };
    if (!resume && existsSync(work)) {
      return { mistake: `--output: ${work} is of a run that did not end; go on with --resume, or remove it` };
    }
    let { bounds } = options;
    if (found !== undefined) {
      const earlier = job.parse(JSON.parse(found));
      if (earlier.fingerprint !== options.fingerprint) {
        return { mistake: `--resume: ${work} was begun with other settings; give the same, or remove it` };
      }
      if (earlier.labels !== options.labels) return { mistake: otherLabels(work, earlier.labels) };
      bounds = earlier.bounds;
    }
    const files = folder ? months(path, bounds, options.latest) : [whole(path)];
    const there = files.find((file) => file.path !== undefined && existsSync(file.path));
    // A run that was broken off while it wrote has left whole files only.
    if (there !== undefined && !resume)
      return { mistake: `--output: ${there.path} exists; name another folder, or remove it` };
    mkdirSync(work, { recursive: folder || resume });
    accessSync(dirname(work), constants.W_OK);
    writeFileSync(
      join(work, 'job.json'),
      JSON.stringify({ fingerprint: options.fingerprint, labels: options.labels, bounds }),
    );
    return { work, bounds, files };
  } catch (error) {
    return { mistake: `--output: ${path} cannot be written: ${reasonOf(error)}` };
  }
}

function otherLabels(work: string, labels: string): string {
  const given = labels === '' ? 'without --labels' : `with --labels for ${labels}`;
  return `--resume: ${work} was begun ${given}; what is written would be parts of different series. Give the same, or remove it`;
}

/** Leaves nothing but the output. */
export function removeWorkFolder({ work }: Output): void {
  rmSync(work, { recursive: true, force: true });
}

function whole(path: string | undefined): OutputFile {
  return { path, from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
}

function months(folder: string, { from, to, costsTo }: Bounds, latest: number): readonly OutputFile[] {
  const files: OutputFile[] = [];
  const end = Math.max(to, costsTo) * 1_000 + latest;
  for (let start = anchorAt(from * 1_000, monthly); start * 1_000 <= end; ) {
    const next = anchorAfter(start, monthly);
    const month = new Date(start * 1_000).toISOString().slice(0, 7);
    files.push({ path: join(folder, `openai-usage-${month}.om`), from: start * 1_000, to: next * 1_000 });
    start = next;
  }
  return files;
}
