/** What a person can do about a failure, by its reason. */
import { adminKeysUrl, type Reason } from '../openai/errors.ts';

const advice: Readonly<Record<Reason, string>> = {
  auth: `Check OPENAI_ADMIN_KEY: it must be an admin key that has not been revoked. Admin keys are made at ${adminKeysUrl}.`,
  permission: `The key needs the scope api.usage.read. Admin keys are made at ${adminKeysUrl}.`,
  rate_limited: 'Nothing, if it passes; otherwise lower --openai.max-requests-per-minute or raise --poll.interval.',
  timeout: 'Nothing, if it passes; otherwise look at the network to OpenAI, or raise --openai.timeout.',
  server: 'Nothing: OpenAI has trouble. See its status page if it lasts.',
  rejected: 'OpenAI refuses the request: check --openai.base-url and the filters; if they are right, report it.',
  network: 'Check DNS, TLS, firewall and HTTPS_PROXY between here and OpenAI.',
  malformed: 'Check that --openai.base-url leads to OpenAI and not to a page of a gateway; if it does, report it.',
  too_large: 'Lower the number of groups with --poll.group-by or the filters.',
};

export function adviceFor(reason: Reason): string {
  return advice[reason];
}
