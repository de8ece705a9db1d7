/** Stands in for the API in the fuzzers, and says what must not come of its answers. */
import { expect } from 'vitest';
import { widthSeconds } from '../../src/openai/catalogue.ts';
import type { Client } from '../../src/openai/client.ts';
import { ApiError } from '../../src/openai/errors.ts';
import type { Body } from './bodies.ts';

/** A client that answers with these bodies, and takes what decoding throws as the real one does. */
export function sending(next: (request: Parameters<Client['get']>[0]) => Body, now = () => 0): Client {
  return {
    async get(request, decode) {
      const { api, path } = request;
      const value = (name: string) => request.query.find(([key]) => key === name)?.[1];
      const width = value('bucket_width');
      const seconds = width === '1m' || width === '1h' ? widthSeconds[width] : widthSeconds['1d'];
      const body = next(request)(Number(value('start_time') ?? 0), seconds);
      const startedAt = now();
      try {
        return { value: await decode(body), bytes: body.length, startedAt, endedAt: 0 };
      } catch (cause) {
        if (cause instanceof ApiError) throw cause;
        throw new ApiError({ reason: 'malformed', api, path, detail: String(cause) });
      }
    },
  };
}

const objectKeys = Object.getOwnPropertyNames(Object.prototype).sort().join();

/** Nothing has been put where every object would have it. */
export function expectCleanPrototypes(): void {
  for (const name in {}) throw new Error(`every object has ${name}`);
  expect(Object.getOwnPropertyNames(Object.prototype).sort().join()).toBe(objectKeys);
}
