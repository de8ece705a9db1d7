/** Makes the server speak TLS as the web configuration says, with the certificates that it names at the moment. */
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { requiresCertificate, type TlsConfig, verifies } from '../settings/tls-section.ts';
import { hasName } from './client-names.ts';
import type { LiveConfig } from './live-config.ts';

/** Milliseconds in which a client must have agreed on a key. */
const handshakeTimeout = 10_000;

/** @param tls of the configuration at the start */
export function tlsServer(
  live: LiveConfig,
  tls: TlsConfig,
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
      listener,
    );
    // Before the handshake of this connection begins.
    server.prependListener('connection', () => {
      const now = live.current().tls;
      if (now === undefined || now === inUse) return;
      inUse = now;
      server.setSecureContext(now.context);
    });
    // Before anything of a request is read.
    server.prependListener('secureConnection', (socket) => {
      if (!isWelcome(socket, inUse)) socket.destroy();
    });
    return server;
  };
}

function isWelcome(socket: TLSSocket, { clientAuth, clientNames }: TlsConfig): boolean {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return !requiresCertificate(clientAuth);
  if (verifies(clientAuth) && !socket.authorized) return false;
  return clientNames === undefined || hasName(certificate, clientNames);
}
