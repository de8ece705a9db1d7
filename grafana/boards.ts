/** All boards, as the files that they are kept in. */
import { build } from './board.ts';
import { costs } from './boards/costs.ts';
import { exporter } from './boards/exporter.ts';
import { limits } from './boards/limits.ts';
import { live } from './boards/live.ts';
import { organizations } from './boards/organizations.ts';
import { overview } from './boards/overview.ts';
import { usage } from './boards/usage.ts';

/** Returns the text of each file by its name. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  const boards = [overview(), usage(), costs(), limits(), live(), organizations(), exporter()];
  return new Map(boards.map((board) => [`${board.uid}.json`, `${JSON.stringify(build(board), null, 2)}\n`]));
}
