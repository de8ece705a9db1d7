/** A real Alertmanager with our configuration, and a webhook in the place of each receiver. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alertmanagerConfiguration, receiverFiles } from '../../deploy/stack/configuration.ts';
import { startAlertmanager } from '../../deploy/stack/monitoring.ts';
import { freePort } from '../../deploy/stack/programs.ts';
import { type Message, startReceiver } from '../../deploy/stack/receiver.ts';

const deploy = fileURLToPath(new URL('../../deploy/alertmanager/', import.meta.url));

export interface Alerting {
  /** The address of Alertmanager, as `host:port`. */
  readonly address: string;
  /** The messages that have come, oldest first. */
  readonly messages: readonly Message[];
  stop(): Promise<void>;
}

/** Messages come as soon as there is something to say, and not after a while in which more may come. */
export async function startAlerting(): Promise<Alerting> {
  const directory = mkdtempSync(join(tmpdir(), 'alerting-'));
  const secrets = join(directory, 'secrets');
  mkdirSync(secrets);
  const messages: Message[] = [];
  const receiver = await startReceiver((message) => messages.push(message));
  for (const name of receiverFiles) writeFileSync(join(secrets, name), `${receiver.url}/${name.replace('_url', '')}`);
  const text = alertmanagerConfiguration(readFileSync(join(deploy, 'alertmanager.yml'), 'utf8'), {
    secrets,
    templates: join(deploy, 'templates'),
  });
  const configuration = join(directory, 'alertmanager.yml');
  writeFileSync(
    configuration,
    text.replaceAll(/group_wait: \w+/g, 'group_wait: 1s').replaceAll(/group_interval: \w+/g, 'group_interval: 2s'),
  );
  const port = await freePort();
  const running = await startAlertmanager({ directory, configuration, port });
  return {
    address: `127.0.0.1:${port}`,
    messages,
    async stop() {
      await running.stop();
      await receiver.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
