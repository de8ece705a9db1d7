/** `health`: asks the exporter that runs here whether it serves. For images without a shell. */
import { type ClientRequest, request } from 'node:http';
import type { Clock } from '../clock.ts';
import { formatAddress, type ListenAddress } from '../settings/listen-address.ts';

export interface HealthOptions {
  /** Where the exporter listens; the wildcards are asked over loopback. */
  readonly listen: ListenAddress;
  readonly clock: Clock;
  /** stderr, for the reason of a failure. */
  readonly err: { write(text: string): unknown };
  /** Milliseconds for everything. */
  readonly timeout?: number;
}

/** Resolves with the exit code: 0 if it answered 200, 1 otherwise. */
export async function runHealth({ listen, clock, err, timeout = 3_000 }: HealthOptions): Promise<0 | 1> {
  const over = new AbortController();
  const { asked, answer } = ask(listen);
  clock.sleep(timeout, over.signal).then(
    () => asked.destroy(new Error(`no answer within ${timeout} ms`)),
    () => {},
  );
  try {
    const status = await answer;
    if (status === 200) return 0;
    err.write(`the exporter on ${formatAddress(listen)} answered ${status}\n`);
  } catch (error) {
    err.write(`the exporter on ${formatAddress(listen)} cannot be reached: ${reasonOf(error)}\n`);
  } finally {
    over.abort();
  }
  return 1;
}

/** Straight to the address, whatever proxies the environment names. */
function ask(address: ListenAddress): { readonly asked: ClientRequest; readonly answer: Promise<number | undefined> } {
  const asked = request({ host: hostToAsk(address), port: address.port, path: '/-/healthy', agent: false });
  const answer = new Promise<number | undefined>((resolve, reject) => {
    asked.on('error', reject).on('response', (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    asked.end();
  });
  return { asked, answer };
}

function hostToAsk({ host }: ListenAddress): string {
  if (host === undefined || host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
