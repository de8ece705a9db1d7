/** The words of the API in the body of a refusal. */
import { isObject, own } from './json.ts';
import { createScan, errorShape } from './scan.ts';

/** `{ "error": { "message", "code", "param" } }`, as far as the body is that; a gateway may answer anything. */
export function apiErrorIn(body: string): { message?: string; code?: string; param?: string } {
  let parsed: unknown;
  try {
    createScan(errorShape).take(Buffer.from(body));
    parsed = JSON.parse(body);
  } catch {
    return {};
  }
  const error = member(parsed, 'error');
  if (typeof error === 'string') return { message: error };
  const message = member(error, 'message');
  const code = member(error, 'code');
  const param = member(error, 'param');
  return {
    ...(typeof message === 'string' && message !== '' ? { message } : {}),
    ...(typeof code === 'string' && code !== '' ? { code } : {}),
    ...(typeof param === 'string' && param !== '' ? { param } : {}),
  };
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? own(value, name) : undefined;
}
