/** `health`: asks the exporter that runs here whether it serves. For images without a shell. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:tls';
import { alarm, type Clock } from '../clock.ts';
import { describe } from '../openai/errors.ts';
import { formatAddress, type ListenAddress } from '../settings/listen-address.ts';
import { requiresCertificate } from '../settings/tls-section.ts';
import type { WebConfig } from '../settings/web-config.ts';

export interface HealthOptions {
  /** The address that the exporter listens at; the wildcards are asked over loopback. */
  readonly listen: ListenAddress;
  /** The way in which it speaks TLS; undefined for plain http. */
  readonly tls?: WebConfig['tls'];
  readonly clock: Clock;
  /** stderr, for the reason of a failure. */
  readonly err: { write(text: string): unknown };
  /** Milliseconds for everything. */
  readonly timeout?: number;
}

/** Resolves with the exit code: 0 if it answered 200, 1 otherwise. */
export async function runHealth({ listen, tls, clock, err, timeout = 3_000 }: HealthOptions): Promise<0 | 1> {
  const { asked, answer } = ask(listen, tls);
  const disarm = alarm(clock, timeout, () => asked.destroy(new Error(`no answer within ${timeout} ms`)));
  try {
    const status = await answer;
    if (status === 200) return 0;
    err.write(`the exporter on ${formatAddress(listen)} answered ${status}\n`);
  } catch (error) {
    err.write(`the exporter on ${formatAddress(listen)} cannot be reached: ${describe(error)}\n`);
  } finally {
    disarm();
  }
  return 1;
}

interface Question {
  readonly asked: { destroy(error: Error): unknown };
  /** The status. */
  readonly answer: Promise<number | undefined>;
}

/**
 * Straight to the address, whatever proxies the environment names. The certificate is not verified: it is for the
 * name that others use, the address is this machine's own, and nothing secret is sent.
 */
function ask(address: ListenAddress, tls: WebConfig['tls']): Question {
  const host = hostToAsk(address);
  const { port } = address;
  // Without a certificate no request is answered; that the exporter agrees on a key is what can be seen.
  if (tls !== undefined && requiresCertificate(tls.clientAuth)) {
    const asked = connect({ host, port, rejectUnauthorized: false });
    const answer = new Promise<number>((resolve, reject) => {
      asked.on('error', reject).once('secureConnect', () => {
        resolve(200);
        asked.destroy();
      });
    });
    return { asked, answer };
  }
  const options = { host, port, path: '/-/healthy', agent: false };
  const asked = tls === undefined ? requestHttp(options) : requestHttps({ ...options, rejectUnauthorized: false });
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
