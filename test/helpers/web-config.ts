/** Certificates for tests of TLS, and configurations that name them. They are of nobody. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const fixtures = new URL('../fixtures/', import.meta.url);

/** The path of a file of test/fixtures. */
export function certificate(name: string): string {
  return fileURLToPath(new URL(name, fixtures));
}

export function readCertificate(name: string): Buffer {
  return readFileSync(certificate(name));
}

/** bcrypt of `open sesame`, of the least cost. */
export const sesame = '$2b$04$qySQinTWQ6boKHkav1tyuOZsY5sxfH5mMJZR1b7KRP25HndIL3MZK';

/** The credentials as `Authorization` has them. */
export function credentials(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
