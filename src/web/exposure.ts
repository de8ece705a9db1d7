/** The parts that a configuration leaves open to everybody, and the words to warn of them. */
import { requiresCertificate, verifies } from '../settings/tls-section.ts';
import type { WebConfig } from '../settings/web-config.ts';

/** Reports whether everybody who can connect may read everything; a certificate that nobody checks is no hindrance. */
export function isOpen({ tls, users }: WebConfig): boolean {
  return users.size === 0 && !(tls !== undefined && requiresCertificate(tls.clientAuth) && verifies(tls.clientAuth));
}

/** @param simulated the numbers are of nobody */
export function warningsOf(config: WebConfig, { simulated }: { readonly simulated: boolean }): readonly string[] {
  if (isOpen(config)) {
    return simulated
      ? []
      : [
          'everybody who can reach this address can read usage, names and costs; set passwords, or RequireAndVerifyClientCert, with --web.config.file, or listen on 127.0.0.1 with --web.listen-address',
        ];
  }
  if (config.tls !== undefined) return [];
  return [
    'passwords and numbers cross the network in the clear; set tls_server_config in --web.config.file, or listen on 127.0.0.1 with --web.listen-address behind a proxy that speaks TLS',
  ];
}
