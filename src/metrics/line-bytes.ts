/**
 * Gathers lines of the page as bytes, one after the other. To put a thousand of them together as one text first would
 * take longer than to make them, and leave a large string behind for each part of the page.
 */
export class LineBytes {
  /** The bytes so far; the room for them grows to the largest part and stays. */
  #bytes = Buffer.allocUnsafeSlow(16_384);
  #length = 0;

  add(text: string): void {
    // UTF-8 needs three bytes at most for what is one unit of a string.
    const needed = this.#length + 3 * text.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** Returns all that was added, in a buffer of its own, and begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#bytes.subarray(0, this.#length));
    this.clear();
    return taken;
  }

  clear(): void {
    this.#length = 0;
  }
}
