/** Prometheus's remote-write protocol, as much of it as writes samples: protobuf in snappy blocks that compress nothing. */

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds and value, oldest first. */
  readonly samples: readonly (readonly [number, number])[];
}

export function encodeWrite(series: readonly Series[]): Buffer {
  const parts: Buffer[] = [];
  for (const { labels, samples } of series) {
    const names = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const inner = [
      ...names.map(([name, value]) =>
        field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(value))])),
      ),
    ];
    const points = Buffer.allocUnsafe(samples.length * 32);
    let at = 0;
    for (const [time, value] of samples) {
      const start = at + 2;
      at = points.writeUInt8(0x09, start);
      at = points.writeDoubleLE(value, at);
      at = points.writeUInt8(0x10, at);
      at = writeVarint(points, at, time);
      points.writeUInt8(0x12, start - 2);
      points.writeUInt8(at - start, start - 1);
    }
    parts.push(field(1, Buffer.concat([...inner, points.subarray(0, at)])));
  }
  return Buffer.concat(parts);
}

function field(number: number, content: Buffer): Buffer {
  const head = Buffer.allocUnsafe(12);
  const at = writeVarint(head, head.writeUInt8((number << 3) | 2, 0), content.length);
  return Buffer.concat([head.subarray(0, at), content]);
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    at = buffer.writeUInt8((rest % 0x80) | 0x80, at);
    rest = Math.floor(rest / 0x80);
  }
  return buffer.writeUInt8(rest, at);
}

/** A snappy block of literals alone. */
export function snappy(content: Buffer): Buffer {
  const head = Buffer.allocUnsafe(10);
  const parts: Buffer[] = [head.subarray(0, writeVarint(head, 0, content.length))];
  const most = 65_536;
  for (let from = 0; from < content.length; from += most) {
    const chunk = content.subarray(from, from + most);
    const tag = Buffer.allocUnsafe(3);
    tag.writeUInt8(61 << 2, 0);
    tag.writeUInt16LE(chunk.length - 1, 1);
    parts.push(tag, chunk);
  }
  return Buffer.concat(parts);
}
