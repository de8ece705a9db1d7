/** Reads as much of PromQL as it takes to say which series an expression reads. */

const words = new Set(
  `and or unless by without on ignoring group_left group_right offset bool atan2 inf nan
  sum min max avg group stddev stdvar count count_values bottomk topk quantile start end`.split(/\s+/),
);

/** The names of the metrics that an expression selects, each once. */
export function metricsIn(expr: string): readonly string[] {
  const names = new Set<string>();
  for (const { name } of selectorsIn(expr)) names.add(name);
  return [...names];
}

export interface Selector {
  readonly name: string;
  /** Inside the braces; empty without any. */
  readonly matchers: string;
  /** Inside the brackets. */
  readonly range: string | undefined;
  /** The function whose argument it is. */
  readonly within: string | undefined;
}

/** Selectors by name; those that have braces alone are not looked for. */
export function selectorsIn(expr: string): readonly Selector[] {
  const bare = expr
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, (literal) => `"${literal.slice(1, -1).replaceAll(/[{}()[\]]/g, '_')}"`)
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const found: Selector[] = [];
  for (const match of bare.matchAll(
    /(?:([a-z_]+)\(\s*)?\b([a-zA-Z_][\w:]*)(?![\w:]|\s*\()(?:\s*\{([^}]*)\})?(?:\[([^\]]*)\])?/g,
  )) {
    const [, within, name = '', matchers = '', range] = match;
    if (isSelector(bare, match, name)) found.push({ name, matchers, range, within });
  }
  return found;
}

function isSelector(expr: string, match: RegExpExecArray, name: string): boolean {
  if (words.has(name.toLowerCase())) return false;
  const at = match.index + match[0].indexOf(name);
  const before = expr.slice(0, at);
  // Inside braces or quotes there are labels and their values, inside brackets and after `offset` there are spans.
  const open = (from: string, to: string) => before.lastIndexOf(from) > before.lastIndexOf(to);
  if (open('{', '}') || open('[', ']')) return false;
  if ((before.match(/"/g)?.length ?? 0) % 2 === 1) return false;
  return !/[\d.$]$/.test(before);
}
