/** Further labels of live usage, each with the place in a record that holds its value, if one does. */
import * as z from 'zod';
import { liveDimensions } from './live-dimensions.ts';
import { type FromText, refuse, shown } from './values.ts';

/** A label, and the place in a record that holds its value: names joined by dots; undefined where none does. */
export interface LiveLabel {
  readonly name: string;
  readonly path: string | undefined;
}

/** More labels would make more series than anybody can look at. */
const mostLabels = 10;

const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Labels that the series have besides, and those that Prometheus gives. */
const taken: readonly string[] = ['bucket_width', 'state', 'job', 'instance', 'le', 'quantile', 'api', 'record'];

/** `team,app=metadata.application`: a dimension may be given a place, too. */
export const liveLabels: FromText<readonly LiveLabel[]> = z.string().transform((text, context) => {
  const labels = new Map<string, LiveLabel>();
  const mistakes: string[] = [];
  for (const item of text.split(',').map((each) => each.trim())) {
    if (item === '') continue;
    const at = item.indexOf('=');
    const name = (at === -1 ? item : item.slice(0, at)).trim();
    const path = at === -1 ? undefined : item.slice(at + 1).trim();
    const isDimension = liveDimensions.some((dimension) => dimension === name);
    if (!labelName.test(name) || name.startsWith('__')) mistakes.push(`${shown(name)} is not a valid label name`);
    else if (taken.includes(name)) mistakes.push(`${shown(name)} has a meaning of its own; choose another name`);
    else if (isDimension && path === undefined)
      mistakes.push(`${shown(name)} is a label already; give it a place with =`);
    else if (path === '') mistakes.push(`${shown(name)} has no place behind its =, like app=metadata.application`);
    else if (labels.has(name)) mistakes.push(`${shown(name)} is named twice`);
    else labels.set(name, { name, path });
  }
  if (labels.size > mostLabels) mistakes.push(`there are more than ${mostLabels} labels`);
  if (mistakes.length > 0) return refuse(context, mistakes.join('; '));
  return labels.size === 0
    ? refuse(context, 'names no label: give names, separated by commas, like team,app=metadata.application')
    : [...labels.values()];
});
