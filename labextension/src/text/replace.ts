import { isHigh, isLow } from './points';

/** A text that others may be editing as well, such as a cell's shared source. */
export interface SharedText {
  getSource(): string;
  updateSource(start: number, end: number, value?: string): void;
}

/** Make a shared text another one by changing what differs and nothing around it, cursors included. */
export function replaceSource(shared: SharedText, next: string): void {
  const now = shared.getSource();
  let start = 0;
  while (start < Math.min(now.length, next.length) && now[start] === next[start]) {
    start += 1;
  }
  // A pair of units is one character, which must not be cut.
  start -= isHigh(now.charCodeAt(start - 1)) ? 1 : 0;
  let same = 0;
  const most = Math.min(now.length, next.length) - start;
  while (same < most && now[now.length - 1 - same] === next[next.length - 1 - same]) {
    same += 1;
  }
  same -= isLow(now.charCodeAt(now.length - same)) ? 1 : 0;
  if (now !== next) {
    shared.updateSource(start, now.length - same, next.slice(start, next.length - same));
  }
}
