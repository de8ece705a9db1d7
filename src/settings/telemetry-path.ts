/** The path of the exposition. It must leave the exporter's other routes alone. */
import * as z from 'zod';
import { type FromText, refuse } from './values.ts';

const ownPaths = ['/api/status', '/sd', '/organizations', '/status.css', '/status.js'];

export const telemetryPath: FromText<string> = z.string().transform((text, context) => {
  if (!/^(?:\/[A-Za-z0-9._~-]+)+$/.test(text)) {
    return refuse(
      context,
      text === '/'
        ? 'must not be /, where the status page is; take /metrics'
        : 'must be a path like /metrics: segments of letters, digits and . _ ~ -, without a slash at the end',
    );
  }
  if (/\/\.{1,2}(?:\/|$)/.test(text)) return refuse(context, 'must not hold . or .. as a segment');
  if (text === '/-' || text.startsWith('/-/') || text.startsWith('/organizations/') || ownPaths.includes(text)) {
    return refuse(context, `must not be a path that the exporter itself uses (/-/…, ${ownPaths.join(', ')})`);
  }
  return text;
});
