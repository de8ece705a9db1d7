/** Which model's limit holds for a model that usage names. */

/**
 * The model itself if it has a limit of its own; else the alias that a dated snapshot belongs to
 * (`gpt-4o-2024-08-06`, `gpt-4-0613`); for a fine-tuned one (`ft:model:organization:suffix:id`) the same of the model
 * it was made from. Undefined if none of these has a limit.
 */
export function limitModelOf(model: string, hasLimit: (model: string) => boolean): string | undefined {
  return candidates(model).find(hasLimit);
}

function candidates(model: string): readonly string[] {
  const base = /^ft:([^:]+)/.exec(model)?.[1];
  return [model, ...aliasesOf(model), ...(base === undefined ? [] : [base, ...aliasesOf(base)])];
}

function aliasesOf(model: string): readonly string[] {
  const alias = /^(.+?)-(?:\d{4}-\d{2}-\d{2}|\d{4})$/.exec(model)?.[1];
  return alias === undefined || model.startsWith('ft:') ? [] : [alias];
}
