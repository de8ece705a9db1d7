/** The address under which others reach the exporter, where that is not the one at which it listens. */
import * as z from 'zod';
import { type FromText, refuse } from './values.ts';

/** A URL without trailing slashes. */
export const externalUrl: FromText<string> = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    return refuse(context, 'must be an address like https://exporter.example.org or http://10.0.0.7:9185/openai');
  }
  if (url.username !== '' || url.password !== '') return refuse(context, 'must not hold a user or password');
  if (/[?#]/.test(text)) return refuse(context, 'must not hold a query (?) or fragment (#)');
  return url.href.replace(/\/+$/, '');
});
