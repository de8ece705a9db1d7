/** The page on show, kept up by the updates of a publisher. What it does grows with the parts, not with the series. */
import { joinPieces } from './gzip.ts';
import { emptyPage, type NewPart, type Page, type PageSource, type PageUpdate } from './page.ts';

export interface ShownPage extends PageSource {
  /** Puts the next page on show, in one assignment. */
  show(update: PageUpdate): void;
}

/** A page on show that is empty until the first update. The first update must bring every part. */
export function createShownPage(): ShownPage {
  let parts: ReadonlyMap<number, NewPart> = new Map();
  let page = emptyPage;
  return {
    current: () => page,
    show(update) {
      const known = new Map([...parts, ...update.added.map((part) => [part.id, part] as const)]);
      const next = new Map<number, NewPart>();
      for (const id of update.ids) {
        const part = known.get(id);
        if (part === undefined) throw new Error(`the update names part ${id} of the page, which was never sent`);
        next.set(id, part);
      }
      parts = next;
      page = pageOf([...next.values()], update);
    },
  };
}

function pageOf(parts: readonly NewPart[], { gzip, gzipLengths, crcs, plainBytes, crc }: PageUpdate): Page {
  return {
    plain: parts.map(({ plain }) => plain),
    gzip: gzip.length === 0 ? [] : [gzip],
    plainBytes,
    gzipBytes: gzip.length,
    crc,
    only(families) {
      const chosen: { readonly plain: Uint8Array; readonly gzip: Uint8Array; readonly crc: number }[] = [];
      let from = 0;
      for (const [at, { family, plain }] of parts.entries()) {
        const to = from + (gzipLengths[at] ?? 0);
        if (family !== undefined && families.has(family)) {
          chosen.push({ plain, gzip: gzip.subarray(from, to), crc: crcs[at] ?? 0 });
        }
        from = to;
      }
      return pageOfChosen(chosen);
    },
  };
}

/** The page of some parts of another, which cannot be narrowed down any further. */
function pageOfChosen(
  chosen: readonly { readonly plain: Uint8Array; readonly gzip: Uint8Array; readonly crc: number }[],
): Page {
  const { length, crc } = joinPieces(chosen.map((part) => ({ length: part.plain.length, crc: part.crc })));
  return {
    plain: chosen.map(({ plain }) => plain),
    gzip: chosen.map(({ gzip }) => gzip),
    plainBytes: length,
    gzipBytes: chosen.reduce((sum, { gzip }) => sum + gzip.length, 0),
    crc,
    only: () => emptyPage,
  };
}
