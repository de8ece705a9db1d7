/** One replica: lived and judged. What comes out is plain data, for it passes between threads. */
import { judge, type Row } from './judge.ts';
import { live } from './replica.ts';
import { createScenario, organizationOf } from './scenario.ts';

export interface Proven {
  readonly replica: string;
  readonly rows: readonly Row[];
  readonly faults: readonly string[];
  readonly checkpoints: ReadonlyMap<number, ReadonlyMap<string, number>>;
  readonly requests: number;
  readonly restarts: number;
}

export async function prove(seed: number, days: number, refusedRows: boolean, replica: string): Promise<Proven> {
  const scenario = createScenario(seed, days, refusedRows);
  const plan = scenario.replicas.find(({ name }) => name === replica);
  if (plan === undefined) throw new Error(`No replica of this name: ${replica}`);
  const life = await live(scenario, plan, organizationOf(scenario));
  const folded = plan.flags.some((flag) => flag.startsWith('--series.max-groups'));
  const { rows, faults } = judge(scenario, life, folded);
  const { checkpoints, requests, restarts } = life;
  return { replica, rows, faults, checkpoints, requests, restarts };
}
