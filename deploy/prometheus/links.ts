/**
 * Where the links in alerts lead, in the one place that rules are generated from. The defaults are the addresses of
 * deploy/compose.yaml. `GRAFANA_URL=… RUNBOOKS_URL=… npm run dashboards` writes the rules with others.
 */
export interface Links {
  /** Address of Grafana, without a slash at the end. */
  readonly grafana: string;
  /** Address at which docs/alerts.md can be read. */
  readonly runbooks: string;
}

export const defaultLinks: Links = {
  grafana: 'http://localhost:3000',
  runbooks: 'http://localhost:9090/user/alerts.md',
};

/** The addresses that the environment names, or else the defaults. @throws if one is no address */
export function linksFrom(environment: Readonly<Record<string, string | undefined>>): Links {
  const address = (name: string, otherwise: string) => {
    const text = (environment[name] ?? '') || otherwise;
    if (!/^https?:\/\/[^\s"'<>{}\\]+$/.test(text)) {
      throw new Error(`${name} is "${text}": it must be an address that begins with http:// or https://`);
    }
    return text.replace(/\/+$/, '');
  };
  return {
    grafana: address('GRAFANA_URL', defaultLinks.grafana),
    runbooks: address('RUNBOOKS_URL', defaultLinks.runbooks),
  };
}
