/** A failure as OTLP tells it: a google.rpc.Status of which the message alone is said, in the encoding of the request. */

/** @param message a short one, so that its length takes two bytes at most: the serving thread loads no protobuf for it */
export function failure(message: string, isJson: boolean): string | Uint8Array {
  if (isJson) return JSON.stringify({ message });
  const text = Buffer.from(message);
  const length = text.length < 128 ? [text.length] : [(text.length & 127) | 128, text.length >> 7];
  return Buffer.concat([Uint8Array.of(0x12, ...length), text]);
}
