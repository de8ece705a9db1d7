/**
 * The fields of one api as columns: those of the catalogue first, then numeric fields that the API has added
 * since, in the order in which they were first seen. A field's index never changes.
 */
import type { Endpoint, Field } from '../openai/catalogue.ts';

/** Fields that the catalogue does not know, held for one api; more are ignored. */
const mostUnknownFields = 64;

/** A numeric field that only the API knows: shown as a gauge, never summed over time, never filled with 0. */
function unknownField(name: string): Field {
  return { name, path: [name], kind: 'level', unit: 'not yet in the catalogue', required: false };
}

export class FieldTable {
  readonly #fields: Field[];
  readonly #indexes: Map<string, number>;
  readonly #known: number;

  constructor(endpoint: Endpoint) {
    this.#fields = [...endpoint.fields];
    this.#known = this.#fields.length;
    this.#indexes = new Map(this.#fields.map((field, index) => [field.name, index]));
  }

  get all(): readonly Field[] {
    return this.#fields;
  }

  /** Number of fields that the catalogue knows; their indexes come first. */
  get known(): number {
    return this.#known;
  }

  /** The label that splits a field's values by unit or currency, if it has one. */
  unitLabel(name: string): string | undefined {
    const index = this.#indexes.get(name);
    return index === undefined ? undefined : this.#fields[index]?.unitLabel?.name;
  }

  /** The field's index; takes an unknown one in while there is room; undefined past that. */
  index(name: string): number | undefined {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    if (this.#fields.length - this.#known >= mostUnknownFields) return undefined;
    const index = this.#fields.length;
    this.#fields.push(unknownField(name));
    this.#indexes.set(name, index);
    return index;
  }
}
