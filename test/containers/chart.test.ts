/**
 * The chart's default installation as a pod, in the place of a cluster by Podman: what the chart asks for is enough for
 * the image to run, and it is ready in time.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { managementScope, simulatedKey, usageScope } from '../../src/simulation/api.ts';
import { createOrganization } from '../../src/simulation/organization.ts';
import { startServer } from '../../src/simulation/simulated-server.ts';
import { wallClock } from '../helpers/test-clock.ts';
import { findBuiltTool, findTool } from '../helpers/tools.ts';
import { engineAnswers, image, printed, run } from './docker.ts';

const helm = findBuiltTool('helm') ?? '';
const podman = findTool('podman', 'podman') ?? '';

const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.literal('metrics') }) });
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  ports: z.tuple([z.object({ name: z.literal('metrics'), containerPort: z.number() })]),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
});
const volume = z.looseObject({ secret: z.looseObject({ secretName: z.string() }) });
const statefulSet = z.object({
  spec: z.object({
    template: z.object({
      metadata: z.looseObject({}),
      spec: z.looseObject({ containers: z.tuple([container]), volumes: z.tuple([volume]) }),
    }),
    volumeClaimTemplates: z.tuple([z.looseObject({ metadata: z.object({ name: z.string() }), spec: z.unknown() })]),
  }),
});
const pod = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    containers: z.tuple([
      z.looseObject({ name: z.string(), env: z.tuple([z.object({ name: z.string(), value: z.string() })]) }),
    ]),
  }),
});

describe.skipIf(!engineAnswers || helm === '' || podman === '')('the default installation of the chart', () => {
  test('is ready within 30 s of the start of its pod, without rights, with its state on the volume, and passes its own test', async () => {
    const encodedKey = Buffer.from(simulatedKey).toString('base64');
    const scopes = [usageScope, managementScope];
    const server = await startServer({
      organization: createOrganization({ seed: 1, createdAt: Date.now() / 1_000 - 3 * 86_400 }),
      clock: wallClock,
      // Podman 4.3 mounts a Secret as it is written, not decoded.
      keys: new Map([simulatedKey, encodedKey].map((key) => [key, scopes])),
    });
    onTestFinished(() => server.close());

    const chart = 'deploy/helm/openai-usage-exporter';
    const values = { adminKey: { existingSecret: 'chart-test-key' }, config: { 'openai.base-url': server.url } };
    const set = Object.entries(values).map(([name, value]) => `--set-json=${name}=${JSON.stringify(value)}`);
    const rendered = async (name: string) => {
      const only = ['--kube-version=1.37.0', `--show-only=templates/${name}.yaml`];
      return parse(await printed(helm, ['template', 'chart-test', chart, ...only, ...set]));
    };
    const { template, volumeClaimTemplates } = statefulSet.parse(await rendered('statefulset')).spec;
    // Podman has no probes over HTTP, so the test asks what they ask. On the machine's own network, where the API is, no port is mapped.
    const [{ ports, startupProbe, livenessProbe, readinessProbe, ...exporter }] = template.spec.containers;
    const [{ secret, ...key }] = template.spec.volumes;
    const [claim] = volumeClaimTemplates;
    const health = pod.parse(await rendered('tests/health'));
    const documents = [
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: secret.secretName }, data: { key: encodedKey } },
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim, metadata: { name: 'chart-test-state' } },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...template.metadata, name: 'chart-test' },
        spec: {
          ...template.spec,
          hostNetwork: true,
          containers: [exporter],
          volumes: [
            // Podman 4.3 breaks down where this is not said.
            { ...key, secret: { ...secret, optional: false } },
            { name: claim.metadata.name, persistentVolumeClaim: { claimName: 'chart-test-state' } },
          ],
        },
      },
    ];
    const folder = mkdtempSync(join(tmpdir(), 'chart-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const play = async (manifests: readonly unknown[]) => {
      const file = join(folder, 'manifests.yaml');
      writeFileSync(file, manifests.map((each) => JSON.stringify(each)).join('\n---\n'));
      await printed(podman, ['kube', 'play', file]);
    };
    await printed('sh', [
      '-ec',
      `docker tag ${image} ${exporter.image}; docker save ${exporter.image} | ${podman} load`,
    ]);

    onTestFinished(async () => {
      await run(podman, ['pod', 'rm', '--force', '--time=0', 'chart-test', health.metadata.name]);
      await run(podman, ['volume', 'rm', '--force', 'chart-test-state', secret.secretName]);
      await run(podman, ['secret', 'rm', secret.secretName]);
      for (const engine of ['docker', podman]) await run(engine, ['image', 'rm', exporter.image]);
    });
    const begun = performance.now();
    await play(documents);
    const answers = ({ httpGet }: z.infer<typeof probe>) =>
      fetch(`http://127.0.0.1:${ports[0].containerPort}${httpGet.path}`);
    await vi.waitFor(async () => expect((await answers(readinessProbe)).status).toBe(200), {
      timeout: 30_000,
      interval: 100,
    });
    process.stdout.write(`the chart's pod was ready after ${((performance.now() - begun) / 1_000).toFixed(1)} s\n`);
    for (const other of [startupProbe, livenessProbe]) expect((await answers(other)).status).toBe(200);

    const page = await (await fetch(`http://127.0.0.1:${ports[0].containerPort}/metrics`)).text();
    expect(page).toMatch(/^openai_up\{api="completions"\} 1$/m);
    const [{ EffectiveCaps, HostConfig }] = JSON.parse(
      await printed(podman, ['container', 'inspect', `chart-test-${exporter.name}`]),
    );
    expect([EffectiveCaps ?? [], HostConfig.ReadonlyRootfs, HostConfig.Memory]).toEqual([[], true, 512 * 2 ** 20]);

    // The pod of `helm test`, which has the name of the exporter in the cluster, is given its address instead.
    const [asking] = health.spec.containers;
    const env = asking.env.map(({ name, value }) => ({ name, value: value.replace(/^.*(?=:)/, '127.0.0.1') }));
    const spec = { ...health.spec, hostNetwork: true, containers: [{ ...asking, env }] };
    await play([{ ...health, spec }]);
    const asked = `${health.metadata.name}-${asking.name}`;
    const code = await printed(podman, ['wait', asked]);
    expect([code, await run(podman, ['logs', asked])]).toMatchObject(['0', { err: '' }]);

    await printed(podman, ['pod', 'stop', '--time=10', 'chart-test']);
    expect(await printed('sh', ['-ec', `${podman} volume export chart-test-state | tar -t`])).toMatch(
      /^(?:\.\/)?state$/m,
    );
  });
});
