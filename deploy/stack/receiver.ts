/** A webhook that takes Slack's messages, for whoever has no other: what Alertmanager sends is handed on. */
import { createServer } from 'node:http';

export interface Message {
  /** The path it came to, without the slash: which receiver it is for. */
  readonly receiver: string;
  readonly title: string;
  readonly text: string;
  readonly link: string;
}

export interface Receiver {
  readonly url: string;
  close(): Promise<void>;
}

/** @param listen where, if not on a free port of the loopback interface */
export async function startReceiver(
  received: (message: Message) => void,
  listen: { readonly host: string; readonly port: number } = { host: '127.0.0.1', port: 0 },
): Promise<Receiver> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const message = messageOf(request.url ?? '/', Buffer.concat(chunks).toString());
      response.writeHead(message === undefined ? 400 : 200).end(message === undefined ? 'no message' : 'ok');
      if (message !== undefined) received(message);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen.port, listen.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port');
  return {
    url: `http://${listen.host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function messageOf(path: string, body: string): Message | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const [attachment] = array(field(parsed, 'attachments'));
    const text = (name: string) => String(field(attachment, name) ?? '');
    return { receiver: path.slice(1), title: text('title'), text: text('text'), link: text('title_link') };
  } catch {
    return undefined;
  }
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}
