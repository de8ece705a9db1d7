/** Knows which project has used which model within the last 30 days: for these the limits are shown. */
import type { RawBucket, RawLabel } from '../openai/bucket-page.ts';
import { labelValue } from '../usage/labels.ts';

/** Seconds that a use counts. */
const span = 30 * 86_400;

/** Stands for a project or a model where OpenAI does not tell usage by it, so that it may be any. */
export const any = '';

/** Pairs that are kept; more are left out. */
const mostPairs = 100_000;

export class ModelsInUse {
  /** Rises whenever a pair comes or goes. */
  version = 0;
  /** Start of the newest day with usage, in seconds, by project and model. */
  readonly #projects = new Map<string, Map<string, number>>();
  #pairs = 0;

  /**
   * Takes in a bucket. Returns for how many rows there is no room.
   * @param dimensions what its labels are: the project, the model, both or none
   */
  take(bucket: RawBucket, dimensions: readonly string[] = ['project_id', 'model']): number {
    let leftOut = 0;
    const columns = [...bucket.numbers.values()];
    const column = (name: string) => bucket.labels[dimensions.indexOf(name)];
    const [projects, models] = [column('project_id'), column('model')];
    for (let row = 0; row < bucket.rows; row++) {
      const project = projects === undefined ? any : named(projects[row]);
      const model = models === undefined ? any : named(models[row]);
      // Without a project or a model there is no limit that could be meant.
      if (project === undefined || model === undefined) continue;
      if (columns.some((each) => (each[row] ?? 0) > 0) && !this.#use(project, model, bucket.start)) leftOut++;
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

  /** Reports whether the project uses a model, or may: nobody knows which projects use one. */
  hasProject(project: string): boolean {
    return this.#projects.has(project) || this.#projects.has(any);
  }

  /** Reports whether the project is known to use a model. */
  names(project: string): boolean {
    return this.#projects.has(project);
  }

  /** The projects and models in use; either can be `any`. */
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

/** The label's text; undefined where the usage is nobody's. */
function named(label: RawLabel | undefined): string | undefined {
  return label === undefined || label === null || label === '' ? undefined : labelValue(label);
}
