/** The compose files with a real Compose: everything becomes healthy, finds each other, and an alert reaches its receiver. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { replaceAll } from '../../deploy/stack/configuration.ts';
import { freePort } from '../../deploy/stack/programs.ts';
import { dashboards } from '../helpers/dashboards.ts';
import { parseDockerfile } from '../helpers/dockerfile.ts';
import { documentAt, fenceWith } from '../helpers/documents.ts';
import { hastyRules } from '../helpers/hasty-rules.ts';
import { rules } from '../helpers/rules.ts';
import { testKey } from '../helpers/scripted-api.ts';
import { docker, engineAnswers, run, top } from './docker.ts';

const documents = documentAt('docs/deploy.md');

interface Project {
  /** The seconds until every service is healthy. @throws if one is not, with what they logged */
  up(): Promise<number>;
  /** @throws if it fails */
  compose(...words: readonly string[]): Promise<string>;
  /** Runs a program in the container of a service. @throws if it fails */
  exec(service: string, ...words: readonly string[]): Promise<string>;
  down(): Promise<void>;
}

interface ProjectOptions {
  /** The command of the document that starts it. */
  readonly documented: string;
  /** A file of the tests that adds to it. */
  readonly addition?: string;
  /** The variables that the files ask for. */
  readonly environment?: Readonly<Record<string, string>>;
}

function projectOf({ documented, addition, environment = {} }: ProjectOptions): Project {
  // The image is there, and what the environment gives is not given again.
  const command = documented
    .replaceAll(/^export .*\n/gm, '')
    .replace(' up --build ', `${addition === undefined ? '' : ` -f ${addition}`} up `);
  const [, files = ''] = /^docker compose (.*) up --wait\n$/.exec(command) ?? [];
  if (files === '') throw new Error(`not a command that starts it and waits: ${command}`);
  const compose = async (...words: readonly string[]) => {
    const args = ['compose', ...files.trim().split(/\s+/), ...words];
    const { code, out, err } = await run('docker', args, environment);
    if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${err}${out}`);
    return out.trim();
  };
  return {
    async up() {
      const begun = performance.now();
      const { code, err } = await run('sh', ['-ec', command], environment);
      if (code !== 0) throw new Error(`${err}\n${await compose('ps', '--all')}\n${await compose('logs', '--tail=20')}`);
      return (performance.now() - begun) / 1_000;
    },
    compose,
    exec: (service, ...words) => compose('exec', '-T', service, ...words),
    async down() {
      await compose('down', '--volumes', '--timeout=10');
    },
  };
}

async function json<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return JSON.parse(await answer.text());
}

/** Returns the value of a query with one result; undefined if there is none. */
async function sampleOf(query: string): Promise<number | undefined> {
  const { data } = await json<{ data: { result: { value: [number, string] }[] } }>(
    `${prometheus}/api/v1/query?${new URLSearchParams({ query })}`,
  );
  const text = data.result[0]?.value[1];
  return text === undefined ? undefined : Number(text);
}

const eventually = (check: () => unknown, seconds: number) =>
  vi.waitFor(check, { timeout: seconds * 1_000, interval: 500 });

const prometheus = 'http://127.0.0.1:9090';
const alertmanager = 'http://127.0.0.1:9093';

async function expectTargetsUp(...jobs: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { data } = await json<{ data: { activeTargets: { labels: { job: string }; health: string }[] } }>(
      `${prometheus}/api/v1/targets?state=active`,
    );
    const health = data.activeTargets.map(({ labels, health: state }) => [labels.job, state]);
    expect(health.sort()).toEqual([...jobs, 'prometheus'].sort().map((job) => [job, 'up']));
  }, 60);
}

describe.skipIf(!engineAnswers)('the demonstration', () => {
  const project = projectOf({ documented: fenceWith(documents, 'compose.yaml up') });

  beforeAll(async () => {
    process.stdout.write(`the demonstration was healthy after ${(await project.up()).toFixed(0)} s\n`);
  });
  afterAll(() => project.down());

  test('every service is healthy or has done its work, as a user that is not root', async () => {
    const { services }: { services: Record<string, { restart: string }> } = JSON.parse(
      await project.compose('config', '--format', 'json'),
    );
    expect(Object.keys(services).length).toBeGreaterThan(3);
    for (const [service, { restart }] of Object.entries(services)) {
      const id = await project.compose('ps', '--all', '--quiet', service);
      const format = '{{.State.Status}} {{with .State.Health}}{{.Status}}{{end}} {{.State.ExitCode}} {{.RestartCount}}';
      const state = await docker('inspect', '--format', format, id);
      expect([service, state]).toEqual([service, restart === 'no' ? 'exited  0 0' : 'running healthy 0 0']);
      expect(await docker('inspect', '--format', '{{.Config.User}}', id)).toMatch(/^[1-9]\d+:[1-9]\d+$/);
    }
  });

  test('Prometheus has weeks of history', async () => {
    for (const offset of ['1d', '1w', '3w']) {
      const used = await sampleOf(`sum(increase(openai_completions_input_tokens_total[1d] offset ${offset}))`);
      expect([offset, used]).toEqual([offset, expect.any(Number)]);
      expect(used).toBeGreaterThan(0);
    }
  });

  test('Prometheus reaches its targets, has every rule, and shows the runbooks that alerts link to', async () => {
    await expectTargetsUp('openai-usage-exporter');
    const { data } = await json<{ data: { groups: { rules: { name: string; lastError?: string }[] }[] } }>(
      `${prometheus}/api/v1/rules`,
    );
    const loaded = data.groups.flatMap((group) => group.rules);
    expect(loaded.filter(({ lastError }) => lastError !== undefined && lastError !== '')).toEqual([]);
    const names = new Set(loaded.map(({ name }) => name));
    for (const { alert = [], record = [] } of rules)
      for (const name of [alert, record].flat()) expect(names).toContain(name);
    expect(await (await fetch(`${prometheus}/user/alerts.md`)).text()).toContain('## ');
  });

  test('Prometheus and Alertmanager know each other', async () => {
    await eventually(async () => {
      const { data } = await json<{ data: { activeAlertmanagers: { url: string }[] } }>(
        `${prometheus}/api/v1/alertmanagers`,
      );
      expect(data.activeAlertmanagers.map(({ url }) => url)).toEqual(['http://alertmanager:9093/api/v2/alerts']);
    }, 30);
    const status = await json<{ config: { original: string } }>(`${alertmanager}/api/v2/status`);
    expect(status.config.original).toContain('receiver: nobody');
  });

  // The image of Grafana itself may be a stand-in, which reads none of it.
  test('what Grafana reads is where it looks, and its user can read it', async () => {
    const provisioning = '/etc/grafana/provisioning';
    for (const path of [`${provisioning}/datasources/datasources.yaml`, `${provisioning}/dashboards/dashboards.yaml`]) {
      expect(await project.exec('grafana', 'cat', path)).toContain('apiVersion: 1');
    }
    for (const { uid } of dashboards) {
      expect(JSON.parse(await project.exec('grafana', 'cat', `/var/lib/dashboards/${uid}.json`))).toMatchObject({
        uid,
      });
    }
  });
});

const work = mkdtempSync(join(tmpdir(), 'compose-'));
chmodSync(work, 0o755);
afterAll(() => rmSync(work, { recursive: true, force: true }));

function secret(name: string, text: string, owner: number): string {
  const path = join(work, name);
  writeFileSync(path, text, { mode: 0o400 });
  chownSync(path, owner, owner);
  return path;
}

/** Our configurations and rules, with short spans and times. */
function hastyPrometheus(): string {
  const folder = join(work, 'prometheus');
  mkdirSync(join(folder, 'rules'), { recursive: true });
  for (const name of ['prometheus.yml', 'organizations.yml']) {
    const configuration = replaceAll(readFileSync(join(top, 'deploy/prometheus', name), 'utf8'), [
      ['scrape_interval: 30s', 'scrape_interval: 1s'],
      ['evaluation_interval: 1m', 'evaluation_interval: 1s'],
    ]);
    writeFileSync(join(folder, name), configuration.replace('refresh_interval: 30s', 'refresh_interval: 1s'));
  }
  writeFileSync(join(folder, 'rules/openai.yml'), hastyRules());
  return folder;
}

/** The variables that compose.outside.yaml asks for. */
function outsideAt(port: number): Readonly<Record<string, string>> {
  const [build] = parseDockerfile(readFileSync(join(top, 'Dockerfile'), 'utf8'));
  return { OUTSIDE_IMAGE: build?.image ?? '', OUTSIDE_PORT: String(port), PROMETHEUS_FOLDER: hastyPrometheus() };
}

describe.skipIf(!engineAnswers)('an organization of its own', () => {
  let outside = '';
  let project: Project;

  beforeAll(async () => {
    const port = await freePort();
    outside = `http://127.0.0.1:${port}`;
    const webhook = (name: string) => secret(name, `http://outside:8081/${name}`, 65_534);
    project = projectOf({
      documented: fenceWith(documents, 'compose.messages.yaml up'),
      addition: 'test/containers/compose.outside.yaml',
      environment: {
        OPENAI_ADMIN_KEY_FILE: secret('key', testKey, 65_532),
        BUDGET_MONTHLY: '5',
        PAGE_URL_FILE: webhook('page'),
        NOTIFY_URL_FILE: webhook('notify'),
        RECORD_URL_FILE: webhook('record'),
        ...outsideAt(port),
      },
    });
    process.stdout.write(`an organization's was healthy after ${(await project.up()).toFixed(0)} s\n`);
  });
  afterAll(() => project.down());

  test('its key is read from the file, and every api answers', async () => {
    await expectTargetsUp('openai-usage-exporter');
    await eventually(async () => expect(await sampleOf('min(openai_up)')).toBe(1), 60);
  });

  test('an alert reaches its receiver', async () => {
    await eventually(async () => {
      const { messages } = await json<{ messages: { receiver: string; title: string }[] }>(outside);
      expect(messages).toContainEqual(
        expect.objectContaining({ receiver: 'page', title: expect.stringMatching(/budget/i) }),
      );
    }, 90);
  });

  test('what it has shown outlives the container', async () => {
    const state = () =>
      project.exec(
        'exporter',
        '/nodejs/bin/node',
        '-e',
        "console.log(fs.statSync('/var/lib/openai-usage-exporter/state').size)",
      );
    await eventually(async () => expect(Number(await state())).toBeGreaterThan(0), 60);
    await project.compose('up', '--detach', '--wait', '--force-recreate', '--no-deps', 'exporter');
    expect(Number(await state())).toBeGreaterThan(0);
    expect(await project.compose('logs', 'exporter')).not.toContain('cannot be written');
  });
});

describe.skipIf(!engineAnswers)('several organizations', () => {
  let project: Project;

  beforeAll(async () => {
    const folder = join(work, 'organizations');
    mkdirSync(folder);
    secret('organizations/production', testKey, 65_532);
    secret('organizations/europe', `${testKey}-europe`, 65_532);
    const organizations =
      'organizations: [{name: production, key_file: production}, {name: europe, key_file: europe}]\n';
    writeFileSync(join(folder, 'organizations.yml'), organizations);
    project = projectOf({
      documented: 'docker compose -f deploy/compose.yaml -f deploy/compose.organizations.yaml up --build --wait\n',
      addition: 'test/containers/compose.outside.yaml',
      environment: { ORGANIZATIONS: folder, ...outsideAt(await freePort()) },
    });
    process.stdout.write(`several organizations were healthy after ${(await project.up()).toFixed(0)} s\n`);
  });
  afterAll(() => project.down());

  test('Prometheus finds each by itself, and every api of each answers', async () => {
    await expectTargetsUp('openai-production', 'openai-europe', 'openai-usage-exporter');
    await eventually(async () => expect(await sampleOf('sum(openai_exporter_organization_up)')).toBe(2), 60);
    await eventually(async () => expect(await sampleOf('min(openai_up)')).toBe(1), 60);
  });
});
