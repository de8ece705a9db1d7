/** The files for deploying several organizations: whole, fitting what it changes, with jobs and paths as the program has them. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { flags, variableOf } from '../../src/settings/flags.ts';
import { discovered } from '../../src/web/discovery.ts';

const read = (name: string): unknown => parse(readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8'));

const env = z.array(
  z.object({ name: z.string(), value: z.string().optional(), valueFrom: z.unknown().optional() }).loose(),
);
const set = z.object({
  kind: z.literal('StatefulSet'),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    replicas: z.number(),
    template: z.object({
      spec: z.object({
        containers: z.tuple([z.object({ name: z.string(), env }).loose()]),
        volumes: z.array(z.object({ name: z.string() }).loose()).default([]),
      }),
    }),
  }),
});
const base = set.parse(read('kubernetes/statefulset.yaml'));

function variablesOf(patch: z.infer<typeof set>): ReadonlyMap<string, string | undefined> {
  return new Map(patch.spec.template.spec.containers[0].env.map(({ name, value }) => [name, value]));
}

const totalShards = variableOf(flags.totalShards);

describe('in Kubernetes', () => {
  const shards = set.parse(read('kubernetes/organizations/statefulset.yaml'));

  test('the patches are of the StatefulSet that is there, and of its container', () => {
    for (const patch of [shards, set.parse(read('kubernetes/organizations-by-monitor/one-pod.yaml'))]) {
      expect(patch.metadata).toEqual({ name: base.metadata.name });
      const [container] = patch.spec.template.spec.containers;
      expect(container.name).toBe(base.spec.template.spec.containers[0].name);
      expect(variablesOf(patch).get(totalShards)).toBe(String(patch.spec.replicas));
    }
  });

  test('settings are those that there are, and the only key is not asked for', () => {
    const known = new Set(Object.values(flags).map(variableOf));
    for (const name of variablesOf(shards).keys()) {
      if (name === 'OPENAI_ADMIN_KEY_FILE') continue;
      expect(known).toContain(name);
    }
    expect(shards.spec.template.spec.containers[0].env).toContainEqual({
      name: 'OPENAI_ADMIN_KEY_FILE',
      $patch: 'delete',
    });
  });

  test('the ordinal of a pod is its shard, and each pod is asked for its organizations', () => {
    expect(shards.spec.template.spec.containers[0].env).toContainEqual({
      name: variableOf(flags.shard),
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" } },
    });
    const { name } = base.metadata;
    expect(read('kubernetes/organizations/scrapeconfig.yaml')).toMatchObject({
      kind: 'ScrapeConfig',
      spec: {
        httpSDConfigs: Array.from({ length: shards.spec.replicas }, (_, pod) => ({
          url: `http://${name}-${pod}.${name}:9185/sd`,
        })),
      },
    });
  });

  test('keys are in the volume that the only key was in', () => {
    const volumes = (of: z.infer<typeof set>) => of.spec.template.spec.volumes.map(({ name }) => name);
    expect(volumes(base)).toContain('key');
    expect(volumes(shards)).toEqual(['key', 'organizations']);
  });

  test('a ServiceMonitor has the paths, jobs and labels that discovery has', () => {
    const { spec } = z
      .object({
        spec: z.object({
          endpoints: z.array(
            z.object({
              path: z.string(),
              relabelings: z.array(z.object({ targetLabel: z.string(), replacement: z.string().optional() })),
            }),
          ),
        }),
      })
      .parse(read('kubernetes/organizations-by-monitor/servicemonitor.yaml'));
    const found = discovered(['production', 'europe'], {
      ...{ telemetryPath: flags.telemetryPath.fallback, externalUrl: undefined, secure: false, host: 'pod:9185' },
    });
    expect(
      spec.endpoints.map(({ path, relabelings }) => ({
        __metrics_path__: path,
        ...Object.fromEntries(
          relabelings.flatMap(({ targetLabel, replacement }) =>
            replacement === undefined ? [] : [[targetLabel, replacement]],
          ),
        ),
      })),
    ).toEqual(found?.map(({ labels }) => labels));
  });

  test('each component names the files that are beside it', () => {
    for (const [folder, files] of [
      ['organizations', ['statefulset.yaml', 'scrapeconfig.yaml']],
      ['organizations-by-monitor', ['../organizations/statefulset.yaml', 'one-pod.yaml', 'servicemonitor.yaml']],
    ] as const) {
      const component = z
        .object({
          kind: z.literal('Component'),
          patches: z.array(z.object({ path: z.string() })),
          resources: z.array(z.string()),
        })
        .parse(read(`kubernetes/${folder}/kustomization.yaml`));
      expect([...component.patches.map(({ path }) => path), ...component.resources]).toEqual(files);
      for (const file of files) expect(read(`kubernetes/${folder}/${file}`)).toBeDefined();
    }
  });
});

describe('with compose', () => {
  const service = z.object({ command: z.array(z.string()).optional() }).loose();
  const services = z.object({ services: z.record(z.string(), service) });
  const main = services.parse(
    parse(readFileSync(new URL('../../deploy/compose.yaml', import.meta.url), 'utf8'), { merge: true }),
  );
  const added = services.parse(read('compose.organizations.yaml'));

  test('the services are those that are there, and the file is where it is mounted', () => {
    for (const name of Object.keys(added.services)) expect(main.services).toHaveProperty(name);
    const { exporter } = added.services;
    expect(exporter?.command).toEqual([
      'serve',
      `--${flags.organizationsFile.name}=/etc/organizations/organizations.yml`,
    ]);
    expect(exporter?.['volumes']).toContainEqual(
      expect.stringMatching(/^\$\{ORGANIZATIONS:\?[^}]+\}:\/etc\/organizations:ro$/),
    );
  });

  test('Prometheus differs in nothing but its configuration, and that in its targets', () => {
    const usual = main.services['prometheus']?.command?.map((word) =>
      word.replace('/prometheus.yml', '/organizations.yml'),
    );
    expect(added.services['prometheus']?.command).toEqual(usual);
    const configuration = z.object({ scrape_configs: z.array(z.object({ job_name: z.string() }).loose()) }).loose();
    const { scrape_configs: jobs, ...rest } = configuration.parse(read('prometheus/organizations.yml'));
    const { scrape_configs: usualJobs, ...usualRest } = configuration.parse(read('prometheus/prometheus.yml'));
    expect(rest).toEqual(usualRest);
    expect(jobs.slice(1)).toEqual(usualJobs);
    expect(jobs[0]).toMatchObject({ http_sd_configs: [{ url: 'http://exporter:9185/sd' }] });
  });
});
