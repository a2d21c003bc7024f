import type { Hit } from '../api/facts';
import { Points } from '../text/points';
import { clearHits, type Part } from './parts';
import { scanTexts, type Scan } from './scan';

/** What a save is asked of: Lab's document context, as far as the gate needs to know it. */
export interface Document {
  readonly isDisposed: boolean;
  save(): Promise<void>;
  saveAs(): Promise<boolean>;
}

/** Something shaped like a credential: where, and a number by which its value is known again. */
export interface Find {
  part: Part;
  hit: Hit;
  value: number;
}

export type Answer = 'clear' | 'keep' | 'refuse';

/** What the gate needs from around it. */
export interface Surroundings {
  /** Return what the file would hold; nothing where nobody wants it to be looked at. */
  collect(): Part[];
  scan: Scan;
  /** Ask the person what is to be done with what was found. */
  ask(found: readonly Find[]): Promise<Answer>;
  /** Say that the notebook could not be looked at, so that it is saved unseen. */
  unchecked(error: unknown): void;
}

/**
 * A save that the person did not want.
 *
 * Lab takes this name for a person's "no" to a question about saving: the shortcut and autosave stay
 * quiet about it, and whatever else saves first, such as closing or exporting, stops there.
 */
export class NotSaved extends Error {
  override readonly name = 'ModalCancelError';

  constructor() {
    super('Not saved: the notebook holds something shaped like a secret.');
  }
}

/** How long an answer may take, in milliseconds. A save must not wait for a server that is stuck. */
const PATIENCE = 30_000;

/** Stands before the saves of one document, however many views it has. */
export class Gate {
  private question: Promise<void> | null = null;
  private saving: Promise<void> | null = null;
  private told = false;
  private readonly allowed = new Set<number>();

  constructor(
    private readonly document: Document,
    private readonly around: Surroundings
  ) {}

  /** Ask before each save from here on. Returns what takes the gate away again. */
  stand(): () => void {
    const { document } = this;
    const { save, saveAs } = document;
    // Who saves while the person is asked waits for the same answer, and for the one write after it.
    document.save = () =>
      (this.saving ??= this.pass()
        .finally(() => {
          this.saving = null;
        })
        .then(() => save.call(document)));
    document.saveAs = () => this.pass().then(() => saveAs.call(document));
    return () => {
      Object.assign(document, { save, saveAs });
    };
  }

  /** Resolve when the document may be saved; reject with `NotSaved` when it may not. */
  private pass(): Promise<void> {
    return (this.question ??= this.check().finally(() => {
      this.question = null;
    }));
  }

  /** Look and ask until nothing is left to ask about: what is there may change while one is asked. */
  private async check(): Promise<void> {
    for (;;) {
      const found = await this.find();
      const answer = found.length ? await this.around.ask(found).catch(() => 'refuse') : 'save';
      if (answer === 'refuse' || this.document.isDisposed) {
        throw new NotSaved();
      }
      if (answer === 'save') {
        return;
      }
      if (answer === 'keep') {
        found.forEach(({ value }) => this.allowed.add(value));
      } else {
        clearFound(found);
      }
    }
  }

  /** Return what was found and not yet allowed. No answer is no reason to lose work, but is told. */
  private async find(): Promise<Find[]> {
    try {
      const parts = this.around.collect();
      const texts = parts.map(({ text }) => text);
      const hits = await within(PATIENCE, scanTexts(texts, this.around.scan));
      this.told = false;
      return located(parts, hits).filter(({ value }) => !this.allowed.has(value));
    } catch (error) {
      if (!this.told) {
        this.around.unchecked(error);
      }
      this.told = true;
      return [];
    }
  }
}

function located(parts: readonly Part[], hits: readonly Hit[]): Find[] {
  return parts.flatMap((part, index) => {
    const own = hits.filter(hit => hit.index === index);
    const points = own.length ? new Points(part.text) : null;
    return own.map(hit => ({ part, hit, value: hash(points?.slice(hit.start, hit.end) ?? '') }));
  });
}

function clearFound(found: readonly Find[]): void {
  const parts = [...new Set(found.map(({ part }) => part))];
  clearHits(
    parts,
    found.map(({ part, hit }) => ({ ...hit, index: parts.indexOf(part) }))
  );
}

async function within<T>(milliseconds: number, wanted: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('The server did not answer in time.'));
    }, milliseconds);
  });
  try {
    return await Promise.race([wanted, late]);
  } finally {
    clearTimeout(timer);
  }
}

const SEED = Math.floor(Math.random() * 2 ** 32);

/**
 * Return 53 bits of a text's hash (cyrb53), begun elsewhere in each page: a value that was allowed is
 * known again by it, and the page keeps no copy of the value.
 */
function hash(value: string): number {
  let a = 0xdeadbeef ^ SEED;
  let b = 0x41c6ce57 ^ SEED;
  for (let index = 0; index < value.length; index += 1) {
    const unit = value.charCodeAt(index);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
