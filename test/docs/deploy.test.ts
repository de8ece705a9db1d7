/** The recipes of docs/deploy.md fit the program, the image and each other. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseDockerfile } from '../helpers/dockerfile.ts';
import { documentAt, type Fence } from '../helpers/documents.ts';

const deploy = documentAt('docs/deploy.md');
const folder = '/var/lib/openai-usage-exporter';

function fenceWith(fences: readonly Fence[], word: string): string {
  const [found, ...more] = fences.filter(({ text }) => text.includes(word));
  if (found === undefined || more.length > 0) throw new Error(`${word}: expected in one fenced block`);
  return found.text;
}

test('the unit has its key and its state file where systemd puts them, and leaves Node its compiler', () => {
  const lines = fenceWith(deploy.fences, '[Service]').split('\n');
  const all = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
  const [credential = ''] = all('LoadCredential');
  expect(all('Environment')).toContain(`OPENAI_ADMIN_KEY_FILE=%d/${credential.split(':')[0]}`);
  // The program takes the folder that systemd names.
  expect(all('StateDirectory')).toEqual(['openai-usage-exporter']);
  expect(all('MemoryDenyWriteExecute')).toEqual([]);
});

test('the container is closed, and keeps its state where the image has a folder for it', () => {
  const run = fenceWith(deploy.fences, 'docker run');
  for (const word of ['--read-only', '--cap-drop ALL', '-p 127.0.0.1:', `-v openai-state:${folder}`]) {
    expect(run).toContain(word);
  }
  expect(run).not.toContain('STATE_FILE');
  const image = parseDockerfile(readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')).at(-1);
  expect(image?.instructions.some(({ name, text }) => name === 'COPY' && text.endsWith(` ${folder}`))).toBe(true);
  expect(image?.instructions.find(({ name }) => name === 'ENV')?.text).toContain(`STATE_DIRECTORY=${folder} `);
});

test('the overlay patches what is in the manifests', () => {
  const patch = z.object({ kind: z.string(), metadata: z.object({ name: z.string() }) });
  const overlay = z
    .object({ resources: z.array(z.string()), patches: z.array(z.object({ patch: z.string() })) })
    .parse(parse(fenceWith(deploy.fences, 'kind: Kustomization')));
  expect(overlay.resources).toEqual(['../deploy/kubernetes']);
  const set = readFileSync(new URL('../../deploy/kubernetes/statefulset.yaml', import.meta.url), 'utf8');
  const { kind, metadata } = patch.parse(parse(set));
  for (const each of overlay.patches)
    expect(patch.parse(parse(each.patch))).toEqual({ kind, metadata: { name: metadata.name } });
});

test('every Secret that the patches for TLS read is made before, with the keys that they read', () => {
  const patches = fenceWith(deploy.fences, 'startupProbe:');
  const made = new Map(
    [...fenceWith(deploy.fences, 'openai-usage-exporter-scrape \\').matchAll(/generic (\S+) \\\n(.*)/g)].map(
      ([, name = '', options = '']) => [
        name,
        [...options.matchAll(/--from-(?:file|literal)=([\w.]+)/g)].map(([, key = '']) => key),
      ],
    ),
  );
  const read = [...patches.matchAll(/name: (openai-usage-exporter-\w+), key: ([\w.]+)/g)];
  expect(read.length).toBe(3);
  for (const [, name = '', key] of read) expect([name, made.get(name)]).toEqual([name, expect.arrayContaining([key])]);
  const mounted = made.get(/secretName: (\S+)/.exec(patches)?.[1] ?? '');
  expect(mounted).toContain(/OPENAI_EXPORTER_WEB_CONFIG_FILE\n\s+value: \/etc\/web\/(\S+)/.exec(patches)?.[1]);
});
