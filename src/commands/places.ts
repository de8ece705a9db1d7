/** Tells somebody who has just started the demonstration where to look. */

import type { Paint } from '../paint.ts';
import { formatAddress, type ListenAddress } from '../settings/listen-address.ts';

export interface PlacesOptions {
  /** The address that it listens at, the real port included. */
  readonly address: ListenAddress;
  readonly secure: boolean;
  readonly telemetryPath: string;
  readonly paint: Paint;
}

/** Ends with a line feed. */
export function placesText({ address, secure, telemetryPath, paint }: PlacesOptions): string {
  const everywhere = address.host === undefined || address.host === '0.0.0.0' || address.host === '::';
  const root = `${secure ? 'https' : 'http'}://${formatAddress(everywhere ? { ...address, host: 'localhost' } : address)}`;
  return `
${paint.strong('This is a simulated organization: every number is made up. Look at')}
  the status page   ${paint.good(`${root}/`)}
  the metrics       ${paint.good(`${root}${telemetryPath}`)}
  the same as JSON  ${paint.good(`${root}/api/status`)}
It is complete after a few seconds. Ctrl-C ends it.

`;
}
