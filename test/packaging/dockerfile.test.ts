import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { only, parseDockerfile } from '../helpers/dockerfile.ts';

const top = new URL('../../', import.meta.url);
const text = readFileSync(new URL('Dockerfile', top), 'utf8');
const stages = parseDockerfile(text);
const final = stages.at(-1) ?? { image: '', platform: undefined, name: undefined, instructions: [] };

test('it is built by one pinned image and runs on another that has no shell and no root', () => {
  const own = stages.map(({ name }) => name);
  expect(stages.map(({ image }) => image).filter((image) => !own.includes(image))).toEqual([
    expect.stringMatching(/^node:24\.\d+\.\d+-[a-z-]+$/),
    expect.stringMatching(/^gcr\.io\/distroless\/nodejs24-debian1[23]:nonroot$/),
  ]);
  expect(final.instructions.filter(({ name }) => ['RUN', 'ADD', 'SHELL', 'VOLUME'].includes(name))).toEqual([]);
  expect(only(final, 'USER').text).toBe('65532:65532');
});

test('it needs no front end from elsewhere, and is built on one architecture for all of them', () => {
  expect(text).not.toMatch(/^#\s*syntax\s*=/m);
  expect([stages.at(0)?.platform, final.platform]).toEqual(['$BUILDPLATFORM', undefined]);
});

test('there is a folder for the state file, which the user of the image owns', () => {
  const copies = final.instructions.filter(({ name }) => name === 'COPY');
  expect(copies.map(({ text, flags }) => [text, flags.get('chown')])).toContainEqual([
    '/app/state /var/lib/openai-usage-exporter',
    '65532:65532',
  ]);
  expect(only(final, 'ENV').text).toContain('STATE_DIRECTORY=/var/lib/openai-usage-exporter ');
});

test('nothing that it is built with runs a script when it is installed', () => {
  const installs = stages.flatMap(({ instructions }) =>
    instructions.filter(({ text: command }) => /^npm (ci|install|prune)/.test(command)),
  );
  expect(installs).toHaveLength(2);
  for (const { text } of installs) expect(text).toContain('--ignore-scripts');
});

test('what starts in it needs no shell', () => {
  expect(only(final, 'ENTRYPOINT').exec).toEqual(['/nodejs/bin/node', '/app/dist/main.js']);
  expect(only(final, 'HEALTHCHECK').exec).toEqual(['/nodejs/bin/node', '/app/dist/main.js', 'health']);
  expect(only(final, 'EXPOSE').text).toBe('9185');
});

test('it says what it is', () => {
  const labels = only(final, 'LABEL').text;
  for (const name of ['title', 'description', 'licenses', 'source', 'version', 'revision', 'base.name']) {
    expect(labels).toContain(`org.opencontainers.image.${name}=`);
  }
  const { repository } = JSON.parse(readFileSync(new URL('package.json', top), 'utf8'));
  expect(labels).toContain(`image.source="${repository.url.replace(/^git\+|\.git$/g, '')}"`);
});

test('the build is given what it copies, and nothing that holds secrets or weight', () => {
  const ignore = readFileSync(new URL('.dockerignore', top), 'utf8').split('\n');
  const given = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  expect(ignore).toContain('*');
  const copied = stages
    .flatMap(({ instructions }) => instructions)
    .filter(({ name, flags }) => name === 'COPY' && !flags.has('from'))
    .flatMap(({ text }) => text.split(/\s+/).slice(0, -1))
    .map((path) => path.replace(/^\.\//, ''));
  expect([...copied].sort()).toEqual([...given].sort());
  for (const path of copied) expect([path, existsSync(new URL(path, top))]).toEqual([path, true]);
});

test('the package has what its image and its manifest need', () => {
  const manifest = JSON.parse(readFileSync(new URL('package.json', top), 'utf8'));
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
  }
  expect(manifest.bin).toEqual({ 'openai-usage-exporter': 'dist/main.js' });
  expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(['build', 'start', 'demo', 'test', 'check']));
});
