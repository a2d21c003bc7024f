import type { Hit } from '../api/facts';
import { isLow } from '../text/points';

/** Asks the server where texts hold something shaped like a credential. */
export type Scan = (texts: string[]) => Promise<Hit[]>;

/** Characters in one request. At most six bytes each, so that it stays below the 8 MiB that the server reads. */
const MOST = 1_000_000;

/** Characters that two pieces of a long text share, so that a key on the cut is whole in one of them. */
const SHARED = 10_000;

/** A piece of a text: of which, and how many code points stand before it. */
interface Piece {
  index: number;
  before: number;
  text: string;
}

/** Return the hits in texts of any number and length. */
export async function scanTexts(texts: readonly string[], scan: Scan): Promise<Hit[]> {
  const hits: Hit[] = [];
  for (const pieces of inRequests(texts.flatMap(cut))) {
    for (const hit of await scan(pieces.map(({ text }) => text))) {
      const piece = pieces[hit.index];
      if (piece) {
        const { index, before } = piece;
        hits.push({ ...hit, index, start: before + hit.start, end: before + hit.end });
      }
    }
  }
  return joined(hits);
}

function cut(text: string, index: number): Piece[] {
  const pieces: Piece[] = [];
  let before = 0;
  let from = 0;
  while (from === 0 || from + SHARED < text.length) {
    pieces.push({ index, before, text: text.slice(from, from + MOST) });
    const next = onCharacter(text, from + MOST - SHARED);
    before += countPoints(text.slice(from, next));
    from = next;
  }
  return pieces;
}

/** Return the position, or the one before where it would cut a pair in two. */
function onCharacter(text: string, position: number): number {
  return isLow(text.charCodeAt(position)) ? position - 1 : position;
}

function countPoints(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index += 1) {
    count += isLow(text.charCodeAt(index)) ? 0 : 1;
  }
  return count;
}

function inRequests(pieces: readonly Piece[]): Piece[][] {
  const requests: Piece[][] = [];
  let size = Infinity;
  for (const piece of pieces) {
    if (size + piece.text.length > MOST) {
      requests.push([]);
      size = 0;
    }
    requests.at(-1)?.push(piece);
    size += piece.text.length;
  }
  return requests;
}

/** Make one of hits that overlap, as two pieces see the same key. */
function joined(hits: readonly Hit[]): Hit[] {
  const sorted = [...hits].sort((a, b) => a.index - b.index || a.start - b.start);
  const result: Hit[] = [];
  for (const hit of sorted) {
    const last = result.at(-1);
    if (last?.index === hit.index && hit.start < last.end) {
      last.end = Math.max(last.end, hit.end);
    } else {
      result.push({ ...hit });
    }
  }
  return result;
}
