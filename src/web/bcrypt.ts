/**
 * Compares passwords with bcrypt hashes in a thread of its own: one comparison takes a tenth of a second, which the
 * event loop must not lose to anybody who sends passwords.
 */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

export interface Bcrypt {
  /** @throws if the thread broke down */
  compare(password: string, hash: string): Promise<boolean>;
  /** Ends the thread. What it still compares gets no answer. */
  close(): Promise<void>;
}

/** The code that the thread runs. It is text because its file would have another name in the sources than when it is built. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const bcrypt = require(workerData);
parentPort.on('message', ({ id, password, hash }) => {
  parentPort.postMessage({ id, same: bcrypt.compareSync(password, hash) });
});
`;

interface Waiting {
  resolve(same: boolean): void;
  reject(error: Error): void;
}

/** The thread begins with the first comparison, and keeps no process alive. */
export function createBcrypt(): Bcrypt {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let last = 0;

  function start(): Worker {
    const library = createRequire(import.meta.url).resolve('bcryptjs');
    const started = new Worker(program, {
      eval: true,
      workerData: library,
      // It needs neither the admin key nor what else stands there.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 },
    });
    started.unref();
    started.on('message', (answer: { readonly id: number; readonly same: boolean }) => {
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      asked?.resolve(answer.same);
    });
    const broken = (error: Error) => {
      if (worker !== started) return;
      worker = undefined;
      for (const asked of waiting.values()) asked.reject(error);
      waiting.clear();
    };
    started.on('error', broken);
    started.on('exit', () => broken(new Error('the thread that compares passwords has ended')));
    return started;
  }

  return {
    compare: (password, hash) =>
      new Promise((resolve, reject) => {
        worker ??= start();
        last += 1;
        waiting.set(last, { resolve, reject });
        worker.postMessage({ id: last, password, hash });
      }),
    async close() {
      const ended = worker;
      // Nobody who asked is there any more, so it did not break down.
      worker = undefined;
      waiting.clear();
      await ended?.terminate();
    },
  };
}
