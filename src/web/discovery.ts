/** Prometheus's HTTP service discovery: which targets there are, each with the path of its metrics and a job of its own. */

export interface DiscoveryOptions {
  readonly telemetryPath: string;
  /** The address under which others reach this exporter, if it is not the one by which they ask. */
  readonly externalUrl: string | undefined;
  /** True if this exporter itself speaks TLS. */
  readonly secure: boolean;
  /** The header of the request. */
  readonly host: string | undefined;
}

export interface TargetGroup {
  readonly targets: readonly [string];
  readonly labels: Readonly<Record<string, string>>;
}

/** Returns a target for each name; undefined where nobody says at which address. */
export function discovered(names: Iterable<string>, options: DiscoveryOptions): readonly TargetGroup[] | undefined {
  const at = addressOf(options);
  if (at === undefined) return undefined;
  return [...names].map((name) => ({
    targets: [at.host],
    labels: {
      ...(at.scheme === undefined ? {} : { __scheme__: at.scheme }),
      __metrics_path__: `${at.path}/organizations/${name}${options.telemetryPath}`,
      job: `openai-${name}`,
      organization: name,
    },
  }));
}

/** The scheme is told where it is known: behind a proxy that speaks TLS, the scrape configuration knows better. */
function addressOf({ externalUrl, secure, host }: DiscoveryOptions) {
  if (externalUrl !== undefined) {
    const { protocol, host: named, hostname, port, pathname } = new URL(externalUrl);
    const scheme = protocol.slice(0, -1);
    // Prometheus 3 adds no port to an address without one, and shows it as it is.
    const address = port === '' ? `${hostname}:${scheme === 'https' ? 443 : 80}` : named;
    return { scheme, host: address, path: pathname.replace(/\/+$/, '') };
  }
  if (host === undefined || !/^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i.test(host)) return undefined;
  return { scheme: secure ? 'https' : undefined, host, path: '' };
}
