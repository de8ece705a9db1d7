/** The spend of just now, as estimated from usage: queries that two boards share, without the help of a rule. */
import { currency, type Narrowing, of, once } from '../promql.ts';

/** The estimate of today so far, or of the newest sixty settled minutes. */
export function estimated(span: 'today' | 'hour', by: readonly Narrowing[] = []): string {
  return once(of(`openai_spend_estimate_${span}_amount`, by, currency), ['currency', 'project_id', 'model']);
}

/** The share by which estimates miss costs on the newest settled day. */
export const estimateError = once(of('openai_spend_estimate_error_ratio', [], currency), ['currency']);

/** Tokens of today that have no price. */
export function unpriced(by: readonly Narrowing[] = []): string {
  return once(of('openai_spend_estimate_unpriced_tokens', by), ['project_id', 'model']);
}
