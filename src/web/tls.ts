/** Makes the server speak TLS as the web configuration says, with the certificates that it names at the moment. */
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { requiresCertificate, type TlsConfig, verifies } from '../settings/tls-section.ts';
import { hasName } from './client-names.ts';
import type { LiveConfig } from './live-config.ts';
import type { Refuse } from './refused-clients.ts';

/** Milliseconds in which a client must have agreed on a key. */
const handshakeTimeout = 10_000;

/**
 * @param tls of the configuration at the start
 * @param refuse called for each client with which no TLS was agreed on, or whose certificate is not let in
 */
export function tlsServer(
  live: LiveConfig,
  tls: TlsConfig,
  refuse: Refuse,
): (options: ServerOptions, listener: RequestListener) => Server {
  return (options, listener) => {
    let inUse = tls;
    const server = createHttpsServer(
      {
        ...options,
        ...tls.context,
        handshakeTimeout,
        requestCert: tls.clientAuth !== 'NoClientCert',
        // Decided below, for it can change under a server that listens.
        rejectUnauthorized: false,
      },
      (request, response) => {
        // What let this client in may have been withdrawn since. Who comes again is looked at anew.
        if (mayStay(request.socket)) listener(request, response);
        else request.socket.destroy();
      },
    );
    /** The configurations under which keys are being agreed on, by end, and under which they were. */
    const agreeing = new Map<string, TlsConfig>();
    const agreed = new WeakMap<Socket, TlsConfig>();

    function mayStay(socket: Socket): boolean {
      const then = agreed.get(socket);
      const { tls: now = inUse } = live.current();
      if (then === undefined || !(socket instanceof TLSSocket)) return false;
      // Whether it is of the client CA was found out with the one of then.
      return then === now || (String(then.context.ca) === String(now.context.ca) && isWelcome(socket, now));
    }

    // Before the handshake of this connection begins.
    server.prependListener('connection', (socket: Socket) => {
      const now = live.current().tls;
      if (now !== undefined && now !== inUse) {
        inUse = now;
        server.setSecureContext(now.context);
      }
      // Kept here, for once a handshake has failed nobody knows any more whose it was.
      const { remoteAddress } = socket;
      const end = endOf(socket);
      agreeing.set(end, inUse);
      socket.once('close', () => {
        // Who said nothing was not refused; such are probes of ports.
        if (agreeing.delete(end) && socket.bytesRead > 0) refuse('tls_failed', remoteAddress);
      });
    });
    // Before anything of a request is read.
    server.prependListener('secureConnection', (socket) => {
      const end = endOf(socket);
      const under = agreeing.get(end);
      agreeing.delete(end);
      if (under !== undefined) agreed.set(socket, under);
      if (isWelcome(socket, inUse)) return;
      if (!isOfHealth(socket)) refuse('tls_failed', socket.remoteAddress);
      socket.destroy();
    });
    return server;
  };
}

function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** The command `health` has no certificate; it sees that a key is agreed on, again and again, from this machine. */
function isOfHealth(socket: TLSSocket): boolean {
  return socket.getPeerX509Certificate() === undefined && socket.remoteAddress === socket.localAddress;
}

function isWelcome(socket: TLSSocket, { clientAuth, clientNames }: TlsConfig): boolean {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return !requiresCertificate(clientAuth);
  if (verifies(clientAuth) && !socket.authorized) return false;
  return clientNames === undefined || hasName(certificate, clientNames);
}
