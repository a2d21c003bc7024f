/**
 * Positions: Python counts code points, a browser UTF-16 units.
 */
export class Points {
  private readonly characters: readonly string[];

  constructor(text: string) {
    this.characters = [...text];
  }

  /** Return the text between two code points. */
  slice(start: number, end?: number): string {
    return this.characters.slice(start, end).join('');
  }

  /** Return a code point's position in UTF-16 units. */
  unit(point: number): number {
    return this.slice(0, point).length;
  }

  /** How many code points there are. */
  get length(): number {
    return this.characters.length;
  }
}

/** Whether a UTF-16 unit is the first of a pair that is one character. */
export function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** Whether a UTF-16 unit is the second of such a pair. */
export function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
