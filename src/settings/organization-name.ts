/** The name of one of several organizations: part of paths, of job names and of a file name, so it needs no escape anywhere. */
import * as z from 'zod';
import type { FromText } from './values.ts';

export const organizationName: FromText<string> = z
  .string()
  .regex(/^[a-z0-9-]{1,63}$/, 'must be 1 to 63 small letters, digits and hyphens, like production or team-7');
