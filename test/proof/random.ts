/** A stream of numbers that look random and follow from a seed. */
import { mix, unit } from '../../src/simulation/random.ts';

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  between(least: number, most: number): number;
  /** Evenly on a scale of ratios: as many from 1 to 10 as from 10 to 100. */
  scaled(least: number, most: number): number;
  chance(share: number): boolean;
  one<T>(of: readonly T[]): T;
}

export function createRandom(seed: number, purpose: number): Random {
  const base = mix(seed, purpose);
  let count = 0;
  const next = () => {
    count += 1;
    return unit(base, count);
  };
  return {
    next,
    between: (least, most) => least + (most - least) * next(),
    scaled: (least, most) => least * (most / least) ** next(),
    chance: (share) => next() < share,
    one(of) {
      const chosen = of[Math.floor(next() * of.length)];
      if (chosen === undefined) throw new RangeError('Nothing to choose from.');
      return chosen;
    },
  };
}
