/** The series that rules would have recorded of a past: promtool makes them of what a Prometheus data directory holds. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPrometheus } from './prometheus.ts';
import type { Rule } from './rules.ts';

export interface RecordOptions {
  readonly prometheus: string;
  readonly promtool: string;
  /** The data directory, which no Prometheus runs on. */
  readonly data: string;
  /** The spans to record: in seconds, with rules that are evaluated so many seconds apart. */
  readonly runs: readonly RecordedSpan[];
}

export interface RecordedSpan {
  readonly rules: readonly Rule[];
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** Records in several passes, because a rule that is evaluated afterwards does not see what others leave in the same pass. */
export async function recordPast({ prometheus: path, promtool, data, runs }: RecordOptions): Promise<void> {
  const depths = depthsOf(runs.flatMap(({ rules }) => rules));
  const directory = mkdtempSync(join(tmpdir(), 'recorded-'));
  try {
    for (let depth = 0; depth <= Math.max(...depths.values()); depth++) {
      const prometheus = await startPrometheus({
        path,
        scrapeInterval: '1m',
        jobs: {},
        past: (to) => cpSync(data, to, { recursive: true }),
      });
      try {
        for (const { rules, from, to, step } of runs) {
          const chosen = rules.filter(({ record = '' }) => depths.get(record) === depth);
          if (chosen.length === 0) continue;
          const file = join(directory, 'rules.yml');
          writeFileSync(file, JSON.stringify({ groups: [{ name: 'past', interval: `${step}s`, rules: chosen }] }));
          const span = [`--start=${from}`, `--end=${to}`, `--eval-interval=${step}s`];
          const where = [`--url=${prometheus.url}`, `--output-dir=${data}`, file];
          const create = ['tsdb', 'create-blocks-from', '--max-block-duration=162h', 'rules', ...span, ...where];
          execFileSync(promtool, create, { stdio: 'pipe' });
        }
      } finally {
        await prometheus.stop();
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Returns for each recorded series how many others in a row it is made of. */
function depthsOf(rules: readonly Rule[]): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  const depthOf = (record: string): number => {
    const known = depths.get(record);
    if (known !== undefined) return known;
    // One that reads its own past has none here.
    depths.set(record, 0);
    const own = rules.filter((rule) => rule.record === record);
    const others = rules.flatMap((rule) => rule.record ?? []).filter((other) => other !== record);
    const read = others.filter((other) => own.some(({ expr }) => new RegExp(`\\b${other}\\b`).test(expr)));
    const depth = Math.max(0, ...read.map((other) => depthOf(other) + 1));
    depths.set(record, depth);
    return depth;
  };
  for (const { record = '' } of rules) depthOf(record);
  return depths;
}
