/** The server could not begin to listen. Its message says where, why, and what to do. */
import { reasonOf } from '../error-code.ts';
import { formatAddress, type ListenAddress } from '../settings/listen-address.ts';

export class ListenError extends Error {
  override readonly name = 'ListenError';

  constructor(address: ListenAddress, cause: unknown) {
    const reason = reasonOf(cause);
    super(`cannot listen on ${formatAddress(address)}: ${reasons[reason] ?? reason}`, { cause });
  }
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; end what uses it, or take another with --web.listen-address',
  EACCES: 'this user may not use the port; take one above 1023 with --web.listen-address',
  EADDRNOTAVAIL: 'this machine does not have the address; correct --web.listen-address',
  ENOTFOUND: 'the host name is unknown; correct --web.listen-address',
};
