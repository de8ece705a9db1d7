/** What the API says in the body of a refusal. */
import { isObject, own } from './json.ts';

/** `{ "error": { "message", "code" } }`, as far as the body is that; a gateway may answer anything. */
export function apiErrorIn(body: string): { message?: string; code?: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return {};
  }
  const error = member(parsed, 'error');
  if (typeof error === 'string') return { message: error };
  const message = member(error, 'message');
  const code = member(error, 'code');
  return {
    ...(typeof message === 'string' && message !== '' ? { message } : {}),
    ...(typeof code === 'string' && code !== '' ? { code } : {}),
  };
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? own(value, name) : undefined;
}
