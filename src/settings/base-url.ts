/** The API's address. The admin key travels to it, so plain http needs a word of consent. */
import * as z from 'zod';
import { isLoopback } from './listen-address.ts';
import { type FromText, refuse } from './values.ts';

/** A URL without trailing slashes. The text is never repeated in messages: it could hold a password. */
export const baseUrl: FromText<string> = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    return refuse(context, 'must be an https address like https://api.openai.com/v1');
  }
  if (url.username !== '' || url.password !== '') {
    return refuse(context, 'must not hold a user or password; the key is given by OPENAI_ADMIN_KEY');
  }
  if (/[?#]/.test(text)) return refuse(context, 'must not hold a query (?) or fragment (#)');
  return url.href.replace(/\/+$/, '');
});

/** Reports whether what is sent to it leaves the machine in the clear. */
export function sendsInTheClear(baseUrl: string): boolean {
  const { protocol, hostname } = new URL(baseUrl);
  return protocol === 'http:' && !isLoopback(hostname);
}
