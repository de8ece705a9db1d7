/** A log that remembers its lines. */
import type { Logger } from '../../src/log.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

export interface RecordingLog extends Logger {
  of(...levels: readonly Level[]): readonly string[];
}

export function recordingLog(): RecordingLog {
  const lines: { readonly level: Level; readonly message: string }[] = [];
  const at = (level: Level) => (message: string) => {
    lines.push({ level, message });
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    of: (...levels) => lines.filter(({ level }) => levels.includes(level)).map(({ message }) => message),
  };
}
