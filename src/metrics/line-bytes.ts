/**
 * Gathers lines of the page as bytes, one after the other. Most labels come again in each family and with each page, so
 * their bytes are remembered and copied: half the time of making a text of each line, and no garbage.
 */
import { sampleLine, valueText } from './exposition.ts';

/** The most bytes of labels that are remembered: those of 40,000 groups. */
const mostRemembered = 8 * 1_024 * 1_024;
/** Bytes that any number takes, and what stands around it. */
const valueRoom = 32;

const brace = 0x7d;
const space = 0x20;
const lineFeed = 0x0a;
const zero = 0x30;

/** Where the bytes of a text are. */
interface Place {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  /** The labels that came after it last time: families have the same groups in the same order. */
  next?: Place;
}

export class LineBytes {
  /** The texts that are remembered, room for more of them, and then the lines: all in one, for it is copied within. */
  #bytes = Buffer.allocUnsafeSlow(16_384);
  readonly #remembered = new Map<string, Place>();
  #rememberedEnd = 0;
  /** The end of the room for texts, and the start of the lines. It changes only while there are none. */
  #start = 0;
  /** The end of the lines. */
  #end = 0;
  /** Bytes of texts for which there was no room. */
  #lacking = 0;
  /** What lines begin with, which is mostly that of the line before. */
  #head: { readonly name: string; readonly fixed: string; readonly place: Place | undefined } | undefined;
  /** The labels of the line before. */
  #labels: Place | undefined;

  add(text: string): void {
    // UTF-8 needs three bytes at most for what is one unit of a string.
    this.#makeRoom(3 * text.length);
    this.#end += this.#bytes.write(text, this.#end);
  }

  /** Adds the line that `sampleLine` makes of it. */
  addSample(name: string, fixed: string, labels: string, value: number): void {
    const head = this.#headOf(name, fixed);
    const place = this.#labelsOf(labels);
    if (labels === '' || head === undefined || place === undefined) {
      this.add(sampleLine(name, fixed, labels, value));
      return;
    }
    this.#makeRoom(head.to - head.from + place.to - place.from + valueRoom);
    this.#copy(head);
    this.#copy(place);
    this.#bytes[this.#end++] = brace;
    this.#bytes[this.#end++] = space;
    this.#addValue(value);
    this.#bytes[this.#end++] = lineFeed;
  }

  /** Returns all that was added, in a buffer of its own, and begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#bytes.subarray(this.#start, this.#end));
    this.clear();
    return taken;
  }

  clear(): void {
    this.#end = this.#start;
    if (this.#lacking > 0) this.#rememberMore();
  }

  #copy({ from, to }: Place): void {
    this.#bytes.copyWithin(this.#end, from, to);
    this.#end += to - from;
  }

  /** Whole numbers, which are nearly all, become digits here; what is no number of 31 bits, as any text. */
  #addValue(value: number): void {
    if (value < 0 || value !== (value | 0)) {
      this.#end += this.#bytes.write(valueText(value), this.#end);
      return;
    }
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    let rest = value;
    for (let at = this.#end + digits - 1; at >= this.#end; at--) {
      const tens = (rest / 10) | 0;
      this.#bytes[at] = zero + rest - 10 * tens;
      rest = tens;
    }
    this.#end += digits;
  }

  #headOf(name: string, fixed: string): Place | undefined {
    const head = this.#head;
    if (head !== undefined && head.name === name && head.fixed === fixed) return head.place;
    const place = this.#placeOf(fixed === '' ? `${name}{` : `${name}{${fixed},`);
    this.#head = { name, fixed, place };
    return place;
  }

  #labelsOf(labels: string): Place | undefined {
    const before = this.#labels;
    const expected = before?.next;
    const place = expected?.text === labels ? expected : this.#placeOf(labels);
    if (before !== undefined && place !== undefined) before.next = place;
    this.#labels = place;
    return place;
  }

  /** Returns where the text is remembered; undefined if there is no room for it at the moment. */
  #placeOf(text: string): Place | undefined {
    const known = this.#remembered.get(text);
    if (known !== undefined) return known;
    const from = this.#rememberedEnd;
    if (from + 3 * text.length > this.#start) {
      this.#lacking += 3 * text.length;
      return undefined;
    }
    const to = from + this.#bytes.write(text, from);
    const place = { text, from, to };
    this.#remembered.set(text, place);
    this.#rememberedEnd = to;
    return place;
  }

  /** Makes room for more texts where there may be more, or forgets all. To be called while there are no lines. */
  #rememberMore(): void {
    const start = Math.min(mostRemembered, Math.max(2 * this.#start, this.#rememberedEnd + this.#lacking));
    if (start === this.#start) {
      this.#remembered.clear();
      this.#rememberedEnd = 0;
    } else {
      const room = this.#bytes.length - this.#start;
      this.#resize(start + room, this.#rememberedEnd);
      this.#start = start;
      this.#end = start;
    }
    this.#lacking = 0;
    this.#head = undefined;
    this.#labels = undefined;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#end + bytes;
    const room = this.#bytes.length - this.#start;
    if (needed > this.#bytes.length) this.#resize(Math.max(needed, this.#start + 2 * room), this.#end);
  }

  #resize(bytes: number, kept: number): void {
    const larger = Buffer.allocUnsafeSlow(bytes);
    this.#bytes.copy(larger, 0, 0, kept);
    this.#bytes = larger;
  }
}
