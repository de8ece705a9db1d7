/** A log that nobody reads. */
import type { Logger } from '../../src/log.ts';

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
