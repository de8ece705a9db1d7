/** Which project has used which model within the last 30 days: for these the limits are shown. */
import type { RawBucket } from '../openai/bucket-page.ts';
import { labelValue } from '../usage/labels.ts';

/** Seconds that a use counts. */
const span = 30 * 86_400;

/** Pairs that are kept; more are left out. */
const mostPairs = 100_000;

export class ModelsInUse {
  /** Rises whenever a pair comes or goes. */
  version = 0;
  /** Start of the newest day with usage, in seconds, by project and model. */
  readonly #projects = new Map<string, Map<string, number>>();
  #pairs = 0;

  /** Takes in a bucket whose labels are project and model. Returns for how many rows there is no room. */
  take(bucket: RawBucket): number {
    let leftOut = 0;
    const [projects = [], models = []] = bucket.labels;
    const columns = [...bucket.numbers.values()];
    for (let row = 0; row < bucket.rows; row++) {
      const project = projects[row] ?? null;
      const model = models[row] ?? null;
      // Without a project or a model there is no limit that could be meant.
      if (project === null || project === '' || model === null || model === '') continue;
      if (columns.some((column) => (column[row] ?? 0) > 0)) {
        if (!this.#use(labelValue(project), labelValue(model), bucket.start)) leftOut++;
      }
    }
    return leftOut;
  }

  /** Forgets what was used too long ago. @param now UTC in milliseconds */
  forget(now: number): void {
    const since = now / 1_000 - span;
    for (const [project, models] of this.#projects) {
      for (const [model, used] of models) {
        // A day counts until its end is 30 days ago.
        if (used + 86_400 > since) continue;
        models.delete(model);
        this.#pairs--;
        this.version++;
      }
      if (models.size === 0) this.#projects.delete(project);
    }
  }

  hasProject(project: string): boolean {
    return this.#projects.has(project);
  }

  *pairs(): Generator<readonly [project: string, model: string]> {
    for (const [project, models] of this.#projects) for (const model of models.keys()) yield [project, model];
  }

  /** Returns false if there is no room for the pair. */
  #use(project: string, model: string, start: number): boolean {
    const models = this.#projects.get(project) ?? new Map<string, number>();
    const used = models.get(model);
    if (used === undefined) {
      if (this.#pairs >= mostPairs) return false;
      this.#pairs++;
      this.version++;
      this.#projects.set(project, models);
    }
    models.set(model, Math.max(start, used ?? start));
    return true;
  }
}
