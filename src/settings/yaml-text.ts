/** Reads YAML that somebody else wrote: every key once, few aliases, and mistakes that repeat nothing of the text. */
import { parseDocument } from 'yaml';

/** Returns what the text says, or what is wrong with it. */
export function yamlIn(text: string): { readonly value: unknown } | { readonly mistakes: readonly string[] } {
  const parsed = parseDocument(text, { uniqueKeys: true });
  if (parsed.errors.length > 0) {
    // Their messages would repeat lines of the file.
    return {
      mistakes: parsed.errors.map(
        ({ code, linePos }) => `not valid YAML: ${code}${linePos === undefined ? '' : ` in line ${linePos[0].line}`}`,
      ),
    };
  }
  try {
    return { value: parsed.toJS({ mapAsMap: false }) };
  } catch {
    return { mistakes: ['not valid YAML: too many aliases'] };
  }
}
