/** The short names of errors: said where a message would be too long, or could repeat what is secret. */

/** `code` of an error of Node or of a library, such as ECONNREFUSED. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The code; where there is none, the message. */
export function reasonOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.message : String(error));
}

/**
 * Returns why a file cannot be read: the code, and for a lack of rights the user, too. In a container or a service that
 * user is not the one that people expect.
 */
export function whyUnreadable(error: unknown, user = process.getuid?.()): string {
  const code = codeOf(error) ?? 'unknown reason';
  return code === 'EACCES' && user !== undefined ? `${code}: user ${user} may not read it` : code;
}
