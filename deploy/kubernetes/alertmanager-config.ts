/**
 * deploy/alertmanager as the Prometheus operator takes it: the same routes, inhibitions and messages, not a second
 * version. The operator reads no files of templates from an AlertmanagerConfig, so each text has its own in it.
 */
import { parse, stringify } from 'yaml';
import { z } from 'zod';

const matchers = z.array(z.string());
const timing = {
  receiver: z.string(),
  group_by: z.array(z.string()).optional(),
  group_wait: z.string().optional(),
  group_interval: z.string().optional(),
  repeat_interval: z.string().optional(),
};
const route = z.strictObject({ ...timing, matchers });
const slack = z.strictObject({
  api_url_file: z.string(),
  send_resolved: z.boolean(),
  title: z.string(),
  title_link: z.string(),
  text: z.string(),
  color: z.string(),
});
const configuration = z.strictObject({
  route: z.strictObject({ ...timing, routes: z.array(route) }),
  inhibit_rules: z.array(
    z.strictObject({ source_matchers: matchers, target_matchers: matchers, equal: z.array(z.string()) }),
  ),
  templates: z.array(z.string()),
  receivers: z.array(z.strictObject({ name: z.string(), slack_configs: z.array(slack) })),
});

/** Matches only our alerts: others of the namespace have routes of their own. */
const ours = { name: 'alertname', matchType: '=~', value: 'OpenAI.+' };
/** The Secret with an address for each receiver. */
const secret = 'openai-alertmanager';

function matcher(text: string): { readonly name: string; readonly matchType: string; readonly value: string } {
  const [, name, matchType, value] = /^(\w+)(=~|!~|!=|=)"(.*)"$/.exec(text) ?? [];
  if (name === undefined || matchType === undefined || value === undefined) throw new Error(`no matcher: ${text}`);
  return { name, matchType, value };
}

function routeOf(from: z.infer<typeof route> | z.infer<typeof configuration>['route'], own: object): object {
  const { receiver, group_by, group_wait, group_interval, repeat_interval } = from;
  return {
    receiver,
    ...own,
    ...(group_by === undefined ? {} : { groupBy: group_by }),
    ...(group_wait === undefined ? {} : { groupWait: group_wait }),
    ...(group_interval === undefined ? {} : { groupInterval: group_interval }),
    ...(repeat_interval === undefined ? {} : { repeatInterval: repeat_interval }),
  };
}

/** The text with the definitions of all templates that it uses in front of it. */
function whole(text: string, templates: string): string {
  const definitions = new Map(
    [...templates.matchAll(/\{\{ define "([\w.]+)" -?\}\}[\s\S]*?\{\{-? end \}\}(?=\n\n|\n*$)/g)].map(
      ([definition, name = '']) => [name, definition],
    ),
  );
  const needed = new Map<string, string>();
  const need = (part: string) => {
    for (const [, name = ''] of part.matchAll(/\{\{-? ?template "([\w.]+)"/g)) {
      const definition = definitions.get(name);
      if (definition === undefined) throw new Error(`no template ${name}`);
      if (needed.has(name)) continue;
      needed.set(name, definition);
      need(definition);
    }
  };
  need(text);
  return [...needed.values(), text].join('');
}

function resource(spec: object): string {
  const text = stringify(
    {
      apiVersion: 'monitoring.coreos.com/v1alpha1',
      kind: 'AlertmanagerConfig',
      metadata: { name: 'openai-usage-exporter' },
      spec,
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
  return `# Generated from deploy/alertmanager: change that and run \`npm run dashboards\`.\n${text}`;
}

/** Returns the rules of what silences what. @param alertmanager text of alertmanager.yml */
export function inhibitions(alertmanager: string): string {
  return resource(inhibitionsSpec(alertmanager));
}

export function inhibitionsSpec(alertmanager: string): object {
  const { inhibit_rules } = configuration.parse(parse(alertmanager));
  return {
    inhibitRules: inhibit_rules.map(({ source_matchers, target_matchers, equal }) => ({
      sourceMatch: source_matchers.map(matcher),
      targetMatch: target_matchers.map(matcher),
      equal,
    })),
  };
}

/** Returns who hears of what, as a patch of the above. @param templates text of openai.tmpl */
export function messages(alertmanager: string, templates: string): string {
  return resource(messagesSpec(alertmanager, templates));
}

export function messagesSpec(alertmanager: string, templates: string): object {
  const { route: root, receivers } = configuration.parse(parse(alertmanager));
  return {
    route: {
      ...routeOf(root, { matchers: [ours] }),
      routes: root.routes.map((each) => routeOf(each, { matchers: each.matchers.map(matcher) })),
    },
    receivers: receivers.map(({ name, slack_configs }) => ({
      name,
      slackConfigs: slack_configs.map(({ send_resolved, title, title_link, text, color }) => ({
        apiURL: { name: secret, key: name },
        sendResolved: send_resolved,
        title: whole(title, templates),
        titleLink: whole(title_link, templates),
        text: whole(text, templates),
        color,
      })),
    })),
  };
}
