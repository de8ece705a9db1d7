/** Labels that Prometheus gives what it scrapes: history has to carry the same to continue the same series. */
import * as z from 'zod';
import { allDimensions, endpoints, unitLabelsOf } from '../openai/catalogue.ts';
import { type FromText, refuse, shown } from './values.ts';

export type TargetLabels = readonly (readonly [name: string, value: string])[];

const ownLabels = new Set([...allDimensions, ...endpoints.flatMap(unitLabelsOf), 'bucket_width', 'state']);
const labelName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `job=openai,instance=localhost:9185`: every label once, and none that a series has by itself. */
export const targetLabels: FromText<TargetLabels> = z.string().transform((text, context) => {
  const labels = new Map<string, string>();
  const mistakes: string[] = [];
  for (const item of text.split(',').map((each) => each.trim())) {
    if (item === '') continue;
    const at = item.indexOf('=');
    const name = item.slice(0, Math.max(0, at)).trim();
    const value = item.slice(at + 1).trim();
    if (at < 1 || value === '') mistakes.push(`${shown(item)} must be label=value, like job=openai`);
    else if (!labelName.test(name) || name.startsWith('__')) mistakes.push(`${shown(name)} is not a valid label name`);
    else if (ownLabels.has(name)) mistakes.push(`${shown(name)} is a label that the series have already`);
    else if (labels.has(name)) mistakes.push(`${shown(name)} has two values; give one`);
    else labels.set(name, value);
  }
  if (mistakes.length > 0) return refuse(context, mistakes.join('; '));
  return labels.size === 0 ? refuse(context, 'names no label: give label=value, separated by commas') : [...labels];
});
