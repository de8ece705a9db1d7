/** Bounds what reports hold in memory while they come in: so many at once and so many bytes, of one client and in all. */

export interface ReportsUnderWay {
  /**
   * Takes room for a report; the bytes are added as they come.
   * @returns undefined if there is no room
   */
  begin(client: string): UnderWay | undefined;
}

export interface UnderWay {
  /** Returns false if there is no room for so many more bytes. */
  add(bytes: number): boolean;
  end(): void;
}

interface Sum {
  reports: number;
  bytes: number;
}

const inAll = { reports: 500, bytes: 64 * 1_024 * 1_024 } as const;
/** One client leaves room for others. */
const ofClient = { reports: 250, bytes: 32 * 1_024 * 1_024 } as const;

export function createReportsUnderWay(): ReportsUnderWay {
  const all: Sum = { reports: 0, bytes: 0 };
  const clients = new Map<string, Sum>();
  return {
    begin(client) {
      const own = clients.get(client) ?? { reports: 0, bytes: 0 };
      if (all.reports >= inAll.reports || own.reports >= ofClient.reports) return undefined;
      clients.set(client, own);
      const sums = [all, own];
      for (const sum of sums) sum.reports++;
      let held = 0;
      let isOver = false;
      return {
        add(bytes) {
          if (all.bytes + bytes > inAll.bytes || own.bytes + bytes > ofClient.bytes) return false;
          held += bytes;
          for (const sum of sums) sum.bytes += bytes;
          return true;
        },
        end() {
          if (isOver) return;
          isOver = true;
          for (const sum of sums) {
            sum.reports--;
            sum.bytes -= held;
          }
          if (own.reports === 0) clients.delete(client);
        },
      };
    },
  };
}
