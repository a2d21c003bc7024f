import { Points } from './points';

/** A change of the original's code points `start` to `end` to `text`. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

/** A stretch that is the same on both sides, only before, or only after. */
export interface Run {
  op: 'same' | 'deleted' | 'inserted';
  text: string;
}

/** Return the original with the edits made, and everything else as it was. */
export function applyEdits(original: string, edits: readonly Edit[]): string {
  const points = new Points(original);
  let result = '';
  let position = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (edit.start < position) {
      throw new RangeError('These edits overlap.');
    }
    result += points.slice(position, edit.start) + edit.text;
    position = edit.end;
  }
  return result + points.slice(position);
}

const WORD = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu;
const MOST_WORDS = 600;

/** Return how `before` becomes `after`, word by word. */
export function diffWords(before: string, after: string): Run[] {
  const a = before.match(WORD) ?? [];
  const b = after.match(WORD) ?? [];
  if (a.length > MOST_WORDS || b.length > MOST_WORDS) {
    return merge([
      { op: 'deleted', text: before },
      { op: 'inserted', text: after }
    ]);
  }
  return merge(walk(a, b, commonLengths(a, b)));
}

/** Longest common subsequences of all suffixes. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      at(rows, i)[j] =
        a[i] === b[j]
          ? value(rows, i + 1, j + 1) + 1
          : Math.max(value(rows, i + 1, j), value(rows, i, j + 1));
    }
  }
  return rows;
}

function walk(a: readonly string[], b: readonly string[], rows: Uint16Array[]): Run[] {
  const runs: Run[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      runs.push({ op: 'same', text: a[i++] ?? '' });
      j++;
    } else if (i < a.length && (j === b.length || value(rows, i + 1, j) >= value(rows, i, j + 1))) {
      runs.push({ op: 'deleted', text: a[i++] ?? '' });
    } else {
      runs.push({ op: 'inserted', text: b[j++] ?? '' });
    }
  }
  return runs;
}

function at(rows: Uint16Array[], i: number): Uint16Array {
  return rows[i] ?? new Uint16Array();
}

function value(rows: Uint16Array[], i: number, j: number): number {
  return at(rows, i)[j] ?? 0;
}

/** Join runs of one kind; of a change, what goes stands before what comes, and blanks between go along. */
function merge(runs: readonly Run[]): Run[] {
  const merged: Run[] = [];
  let deleted = '';
  let inserted = '';
  const flush = (): void => {
    if (deleted) {
      merged.push({ op: 'deleted', text: deleted });
    }
    if (inserted) {
      merged.push({ op: 'inserted', text: inserted });
    }
    deleted = inserted = '';
  };
  runs.forEach((run, index) => {
    const next = runs[index + 1];
    const inside = (deleted || inserted) && next && next.op !== 'same' && !run.text.trim();
    if (run.op === 'deleted') {
      deleted += run.text;
    } else if (run.op === 'inserted') {
      inserted += run.text;
    } else if (inside) {
      deleted += run.text;
      inserted += run.text;
    } else {
      flush();
      const last = merged.at(-1);
      if (last?.op === 'same') {
        last.text += run.text;
      } else {
        merged.push({ ...run });
      }
    }
  });
  flush();
  return merged;
}
