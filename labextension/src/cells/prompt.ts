/** The magics whose cell is a prompt. */
const MAGIC = /^[ \t]*%%(critique|improve|rewrite|lint|playground|judge)\b[^\n]*(?:\n|$)/;

/** Where a cell's prompt stands. */
export interface Prompt {
  /** The magic that the cell begins with; null for a markdown or raw cell. */
  magic: string | null;
  /** What stands before the prompt, to be kept. */
  head: string;
  text: string;
}

/** Return a cell's prompt: what is below its magic, or all of a cell that is no code; null without one. */
export function findPrompt(source: string, type: string): Prompt | null {
  if (type !== 'code') {
    return source.trim() ? { magic: null, head: '', text: source } : null;
  }
  const match = MAGIC.exec(source);
  if (!match) {
    return null;
  }
  const text = source.slice(match[0].length);
  return { magic: match[1] ?? null, head: match[0], text };
}

/** The prompt as the kernel's magic gets it: with the line end that the last line of a cell lacks. */
export function asSent(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** Whether two prompts are the same, but for line ends at the end. */
export function isSame(a: string, b: string): boolean {
  return a.trimEnd() === b.trimEnd();
}
