/** The recipes of docs/deploy.md fit the program, the image and each other; all recipes of docs/ say what has tried them. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseDockerfile } from '../helpers/dockerfile.ts';
import { documentAt, documents, fenceWith } from '../helpers/documents.ts';

const deploy = documentAt('docs/deploy.md');
const folder = '/var/lib/openai-usage-exporter';

const top = new URL('../../', import.meta.url);

test('every command is run by a test that reads it there, or is marked as not', () => {
  const mark = /^<!-- run by (\S+) -->\n\n```\w+$/gm;
  let runs = 0;
  for (const { path, text } of documents().filter((document) => document.path.startsWith('docs/'))) {
    for (const [, file = ''] of text.matchAll(mark)) {
      expect([path, file, existsSync(new URL(file, top))]).toEqual([path, file, true]);
      expect(readFileSync(new URL(file, top), 'utf8')).toContain(`documentAt('${path}')`);
      runs++;
    }
    for (const section of text.replaceAll(mark, '').split(/^## /m)) {
      if (/^```sh$/m.test(section)) expect(section).toMatch(/\*Not run by a test: [^*]+\*/);
    }
  }
  expect(runs).toBeGreaterThan(7);
});

test('the unit has its key and its state file where systemd puts them, and leaves Node its compiler', () => {
  const lines = readFileSync(new URL('deploy/systemd/openai-usage-exporter.service', top), 'utf8').split('\n');
  const all = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
  const [credential = ''] = all('LoadCredential');
  expect(all('Environment')).toContain(`OPENAI_ADMIN_KEY_FILE=%d/${credential.split(':')[0]}`);
  // The program takes the folder that systemd names.
  expect(all('StateDirectory')).toEqual(['openai-usage-exporter']);
  expect(all('MemoryDenyWriteExecute')).toEqual([]);
});

test('the container is closed, and keeps its state where the image has a folder for it', () => {
  const run = fenceWith(deploy, 'docker run');
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
    .parse(parse(fenceWith(deploy, 'kind: Kustomization')));
  expect(overlay.resources).toEqual(['../deploy/kubernetes']);
  const set = readFileSync(new URL('../../deploy/kubernetes/statefulset.yaml', import.meta.url), 'utf8');
  const { kind, metadata } = patch.parse(parse(set));
  for (const each of overlay.patches)
    expect(patch.parse(parse(each.patch))).toEqual({ kind, metadata: { name: metadata.name } });
});
