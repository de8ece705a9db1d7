/** Makes of an AlertmanagerConfig what the Prometheus operator makes of it: a configuration of Alertmanager for its namespace alone. */
import { stringify } from 'yaml';
import { z } from 'zod';

const matcher = z.strictObject({ name: z.string(), matchType: z.enum(['=', '!=', '=~', '!~']), value: z.string() });
const matchers = z.array(matcher);
const timing = {
  receiver: z.string(),
  matchers,
  groupBy: z.array(z.string()).optional(),
  groupWait: z.string().optional(),
  groupInterval: z.string().optional(),
  repeatInterval: z.string().optional(),
};
const route = z.strictObject(timing);
const slack = z.strictObject({
  apiURL: z.strictObject({ name: z.string(), key: z.string() }),
  sendResolved: z.boolean(),
  title: z.string(),
  titleLink: z.string(),
  text: z.string(),
  color: z.string(),
});

export const inhibitionsSpec = z.strictObject({
  inhibitRules: z.array(z.strictObject({ sourceMatch: matchers, targetMatch: matchers, equal: z.array(z.string()) })),
});
export const messagesSpec = z.strictObject({
  route: z.strictObject({ ...timing, routes: z.array(route) }),
  receivers: z.array(z.strictObject({ name: z.string(), slackConfigs: z.array(slack) })),
});

export interface Cluster {
  readonly namespace: string;
  /** Inhibitions that are there already. */
  readonly others: readonly object[];
  /** The values of the Secret. */
  readonly address: (key: string) => string;
}

type Spec = z.infer<typeof inhibitionsSpec> & z.infer<typeof messagesSpec>;

/** The text of the configuration. */
export function operatorConfiguration(spec: Spec, { namespace, others, address }: Cluster): string {
  const text = ({ name, matchType, value }: z.infer<typeof matcher>) => `${name}${matchType}${JSON.stringify(value)}`;
  const here = `namespace="${namespace}"`;
  const named = (receiver: string) => `${namespace}/openai/${receiver}`;
  const routeOf = (from: z.infer<typeof route>) => ({
    receiver: named(from.receiver),
    matchers: from.matchers.map(text),
    ...(from.groupBy === undefined ? {} : { group_by: from.groupBy }),
    ...(from.groupWait === undefined ? {} : { group_wait: from.groupWait }),
    ...(from.groupInterval === undefined ? {} : { group_interval: from.groupInterval }),
    ...(from.repeatInterval === undefined ? {} : { repeat_interval: from.repeatInterval }),
  });
  const own = routeOf(spec.route);
  return stringify({
    route: {
      receiver: 'null',
      group_by: ['namespace'],
      routes: [
        {
          ...own,
          matchers: [...own.matchers, here],
          continue: true,
          routes: spec.route.routes.map(routeOf),
        },
      ],
    },
    inhibit_rules: [
      ...others,
      ...spec.inhibitRules.map(({ sourceMatch, targetMatch, equal }) => ({
        source_matchers: [...sourceMatch.map(text), here],
        target_matchers: [...targetMatch.map(text), here],
        equal,
      })),
    ],
    receivers: [
      { name: 'null' },
      ...spec.receivers.map(({ name, slackConfigs }) => ({
        name: named(name),
        slack_configs: slackConfigs.map((config) => ({
          api_url: address(config.apiURL.key),
          send_resolved: config.sendResolved,
          title: config.title,
          title_link: config.titleLink,
          text: config.text,
          color: config.color,
        })),
      })),
    ],
  });
}
