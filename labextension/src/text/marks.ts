import { Points } from './points';

/** A stretch of a text, in code points, and which finding it belongs to. */
export interface Mark {
  start: number;
  end: number;
  label: string;
  tone: string;
}

/** A stretch in which the same marks hold. `ends` are those whose last stretch it is. */
export interface Segment {
  text: string;
  marks: Mark[];
  ends: Mark[];
}

/** Cut a text at the edges of its marks, which may overlap. A mark without words stands at its place. */
export function cutAtMarks(text: string, marks: readonly Mark[]): Segment[] {
  const points = new Points(text);
  const placed = marks.map(mark => place(mark, points.length));
  const edges = new Set([0, points.length, ...placed.flatMap(mark => [mark.start, mark.end])]);
  const sorted = [...edges].sort((a, b) => a - b);
  return sorted.map((start, index) => {
    const end = sorted[index + 1] ?? start;
    return {
      text: points.slice(start, end),
      marks: placed.filter(mark => mark.start <= start && start < mark.end),
      ends: placed.filter(mark =>
        mark.start === mark.end ? mark.start === start : mark.end === end && start < end
      )
    };
  });
}

function place(mark: Mark, size: number): Mark {
  const start = Math.min(size, Math.max(0, mark.start));
  return { ...mark, start, end: Math.min(size, Math.max(start, mark.end)) };
}
