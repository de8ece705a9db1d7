/**
 * Manifests held to the schemas of Kubernetes and of the Prometheus operator, strictly: what a schema does not know is a
 * mistake. Programs and schemas come from .ci/tools.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { findBuiltTool } from './tools.ts';

const definition = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: z.unknown() }) })),
  }),
});

/** The versions of Kubernetes whose schemas there are: the oldest that the chart is for, and the newest. */
export const kubernetesVersions = ['1.25.0', '1.37.0'] as const;

export interface Validator {
  /** Returns what is wrong with the manifests, a line each. @param manifests YAML, of one document or several */
  mistakes(manifests: string, kubernetes: (typeof kubernetesVersions)[number]): readonly string[];
  close(): void;
}

/** Undefined where a program or schema is missing. */
export function createValidator(): Validator | undefined {
  const kubeconform = findBuiltTool('kubeconform');
  const kubernetes = findBuiltTool('kubernetes');
  const crds = findBuiltTool('crds');
  if (kubeconform === undefined || kubernetes === undefined || crds === undefined) return undefined;
  const directory = mkdtempSync(join(tmpdir(), 'schemas-'));
  writeOperatorSchemas(crds, directory);
  return {
    mistakes(manifests, version) {
      const { status, stdout, stderr } = spawnSync(
        kubeconform,
        [
          '-strict',
          '-summary',
          '-output=json',
          `-kubernetes-version=${version}`,
          `-schema-location=${kubernetes}/v${version}-local-strict/{{.ResourceKind}}{{.KindSuffix}}.json`,
          `-schema-location=${directory}/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`,
          '-',
        ],
        { input: manifests, encoding: 'utf8', maxBuffer: 2 ** 26 },
      );
      const { resources, summary } = report.parse(JSON.parse(stdout || '{}'));
      const found = resources.map(({ kind, name, msg }) => `${kind} ${name}: ${msg}`);
      if (summary.valid === 0 && found.length === 0) found.push(`nothing was judged: ${stderr}`);
      if (status !== 0 && found.length === 0) found.push(`kubeconform ended with ${status}: ${stderr}`);
      return found;
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

const report = z.object({
  resources: z.array(z.object({ kind: z.string(), name: z.string(), msg: z.string() })),
  summary: z.object({ valid: z.number() }),
});

/** Takes the schemas out of the definitions of resources. */
function writeOperatorSchemas(from: string, to: string): void {
  for (const file of readdirSync(from)) {
    const { group, names, versions } = definition.parse(parse(readFileSync(join(from, file), 'utf8'))).spec;
    mkdirSync(join(to, group), { recursive: true });
    for (const { name, schema } of versions) {
      const path = join(to, group, `${names.kind.toLowerCase()}_${name}.json`);
      writeFileSync(path, JSON.stringify(strict(schema.openAPIV3Schema)));
    }
  }
}

/** The schema in which an object has no properties but its own, as the server prunes them. */
function strict(schema: unknown, isTop = true): unknown {
  if (Array.isArray(schema)) return schema.map((each) => strict(each, false));
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value, false)]));
  const closed =
    typeof inner['properties'] === 'object' &&
    inner['type'] === 'object' &&
    inner['additionalProperties'] === undefined &&
    inner['x-kubernetes-preserve-unknown-fields'] !== true;
  return closed && !isTop ? { ...inner, additionalProperties: false } : inner;
}
