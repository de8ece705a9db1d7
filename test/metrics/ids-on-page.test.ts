import { expect, test } from 'vitest';
import { createChanges } from '../../src/metrics/changes.ts';
import { IdsOnPage } from '../../src/metrics/ids-on-page.ts';
import { createPublisher } from '../../src/metrics/publisher.ts';
import type { Section } from '../../src/metrics/section.ts';
import { createShownPage } from '../../src/metrics/shown-page.ts';
import { GroupTable } from '../../src/usage/groups.ts';
import { renderedOf } from '../helpers/rendered.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

const dimensions = ['project_id', 'model'];

/** Shows the project of every group of a table that can be exchanged. */
function shows(name: string, table: () => GroupTable, during?: () => void): Section {
  return {
    name,
    *render() {
      const groups = table();
      during?.();
      for (let id = 0; id < groups.size; id++) yield renderedOf(`${name}{${groups.text(id)}} 1\n`);
      return undefined;
    },
  };
}

test('ids are those of the tables that the page was rendered from, what came since included', () => {
  const onPage = new IdsOnPage(
    ['project_id', 'user_id'],
    [{ dimensions: ['project_id'], size: 1, values: () => ['always'] }],
  );
  const tables = [new GroupTable(dimensions, 2), new GroupTable(['model'], 9)];
  const section = onPage.watch(
    shows('a', () => tables[0] ?? new GroupTable([], 0)),
    () => tables,
  );
  expect([...onPage.values('project_id')]).toEqual(['always']);
  const before = onPage.version;
  section.render(0, 0).next();
  expect(onPage.version).not.toBe(before);

  tables[0]?.intern(['p', 'm']);
  tables[0]?.intern([null, 'm']);
  tables[0]?.intern(['q', 'folded']);
  expect([...onPage.values('project_id')].sort()).toEqual(['always', 'none', 'other', 'p']);
  expect([...onPage.values('user_id')]).toEqual([]);
  expect(onPage.version).toBe(onPage.version);

  const known = onPage.version;
  tables[0] = new GroupTable(dimensions, 2);
  // Still on show: nothing was rendered since.
  expect(onPage.values('project_id').has('p')).toBe(true);
  tables[0].intern(['new', 'm']);
  section.render(0, 0).next();
  expect(onPage.version).not.toBe(known);
  expect([...onPage.values('project_id')].sort()).toEqual(['always', 'new']);
});

test('a section that names what others show is on the same page with it, also when that grows while it is rendered', async () => {
  const clock = createVirtualClock();
  const onPage = new IdsOnPage(['project_id']);
  let table = new GroupTable(dimensions, 100);
  let count = 0;
  const grow = () => table.intern([`p${count++}`, 'm']);
  let renderedFrom = '';
  const named: Section = {
    name: 'names',
    stale: () => onPage.version !== renderedFrom,
    *render() {
      renderedFrom = onPage.version;
      for (const id of onPage.values('project_id')) yield renderedOf(`info{project_id="${id}"} 1\n`);
      return undefined;
    },
  };
  const page = createShownPage();
  const changes = createChanges();
  const publisher = createPublisher({
    changes,
    sections: [
      onPage.watch(
        shows('usage', () => table, grow),
        () => [table],
      ),
      named,
    ],
    clock,
    show: page.show,
    compress: (text) => ({ bytes: text, length: text.length, crc: 0 }),
  });
  for (let round = 0; round < 20; round++) {
    grow();
    if (round === 10) table = new GroupTable(dimensions, 100);
    if (round % 3 !== 2) changes.note('usage');
    await publisher.publish();
    const text = Buffer.concat([...page.current().plain]).toString();
    const shown = [...text.matchAll(/^usage{project_id="(\w+)"/gm)].map(([, id]) => id);
    const infos = [...text.matchAll(/^info{project_id="(\w+)"/gm)].map(([, id]) => id);
    expect(new Set(infos).size).toBe(infos.length);
    expect(shown.filter((id) => !infos.includes(id))).toEqual([]);
  }
});
