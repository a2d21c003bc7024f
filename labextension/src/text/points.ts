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
