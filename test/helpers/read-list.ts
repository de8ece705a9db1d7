/** Reads a list from its first page to its end, or to the first failure. */
import type { Client } from '../../src/openai/client.ts';
import { ApiError } from '../../src/openai/errors.ts';
import { createListRead, type List } from '../../src/openai/lists.ts';

export interface WholeList<T> {
  readonly items: readonly T[];
  readonly malformed: number;
  readonly failure: ApiError | undefined;
}

export async function readList<T>(
  client: Client,
  clock: { monotonic(): number },
  list: List<T>,
  projectId: string | null,
): Promise<WholeList<T>> {
  const read = createListRead(client, clock, list, projectId);
  const items: T[] = [];
  let malformed = 0;
  for (;;) {
    try {
      const page = await read.next();
      items.push(...page.items);
      malformed += page.malformed;
      if (page.last || page.broken !== undefined) return { items, malformed, failure: page.broken };
    } catch (error) {
      if (error instanceof ApiError) return { items, malformed, failure: error };
      throw error;
    }
  }
}
