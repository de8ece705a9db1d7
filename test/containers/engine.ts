/** Containers of the image and volumes, which are gone after the test. */
import { onTestFinished, vi } from 'vitest';
import { docker, image, run } from './docker.ts';

/** The flags with which the documents run it: files that cannot be written, and no rights. */
export const hardened = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges'];

export interface Container {
  readonly id: string;
  /** Returns what it has logged so far. */
  log(): Promise<string>;
  /** Returns one of the values that the engine knows of it, as `docker inspect --format`. */
  inspect(format: string): Promise<string>;
  /** Waits until its health check says that it is healthy. @throws if it is not within a minute */
  healthy(): Promise<void>;
  /** Resolves with the exit code, once it has ended. */
  ended(): Promise<number>;
  /** Tells it to end. */
  stop(): Promise<{ readonly code: number; readonly seconds: number }>;
}

/** Starts the image with these options and words of its command line. */
export async function startContainer(options: readonly string[], ...words: readonly string[]): Promise<Container> {
  const id = await docker('run', '--detach', ...options, image, ...words);
  onTestFinished(async () => {
    await docker('rm', '--force', '--volumes', id);
  });
  return containerOf(id);
}

export function containerOf(id: string): Container {
  const inspect = (format: string) => docker('inspect', '--format', format, id);
  const ended = async () => Number(await docker('wait', id));
  return {
    id,
    async log() {
      const { out, err } = await run('docker', ['logs', id]);
      return out + err;
    },
    inspect,
    async healthy() {
      const healthy = async () => {
        const health = await inspect('{{.State.Health.Status}}');
        if (health !== 'healthy') throw new Error(`${health}: ${await inspect('{{json .State}}')}`);
      };
      await vi.waitFor(healthy, { timeout: 60_000, interval: 500 });
    },
    ended,
    async stop() {
      const begun = performance.now();
      await docker('stop', '--time=20', id);
      return { code: await ended(), seconds: (performance.now() - begun) / 1_000 };
    },
  };
}

/** A new volume that is gone after the test. */
export async function newVolume(): Promise<string> {
  const name = await docker('volume', 'create');
  onTestFinished(async () => {
    await docker('volume', 'rm', '--force', name);
  });
  return name;
}
