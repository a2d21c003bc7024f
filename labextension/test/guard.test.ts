/** @jest-environment node */
import type { Hit } from '../src/api/facts';
import { Gate, NotSaved, type Answer, type Document, type Find } from '../src/guard/gate';
import { clearHits, collectTexts, type Part } from '../src/guard/parts';
import { scanTexts } from '../src/guard/scan';

const KEY = /key-\w+/g;

/** A scan that takes `key-` and what follows for a key, and counts code points as the server does. */
function scan(texts: string[]): Promise<Hit[]> {
  return Promise.resolve(
    texts.flatMap((text, index) =>
      [...text.matchAll(KEY)].map(match => {
        const start = [...text.slice(0, match.index)].length;
        return { index, label: 'OpenAI key', start, end: start + [...match[0]].length };
      })
    )
  );
}

class Cell {
  readonly id = 'c';
  readonly type: string = 'markdown';
  readonly metadata = {};

  constructor(public source: string) {}

  get sharedModel(): object {
    return {
      getSource: () => this.source,
      updateSource: (start: number, end: number, value = '') => {
        this.source = this.source.slice(0, start) + value + this.source.slice(end);
      }
    };
  }
}

function modelOf(cells: unknown[], metadata = {}): Parameters<typeof collectTexts>[0] {
  const list = { length: cells.length, get: (index: number) => cells[index] };
  return { cells: list, metadata } as unknown as Parameters<typeof collectTexts>[0];
}

interface Stage {
  document: Document & { saved: string[]; copies: string[] };
  cell: Cell;
  ask: jest.Mock<Promise<Answer>, [readonly Find[]]>;
  unchecked: jest.Mock;
  scan: jest.Mock;
  leave: () => void;
}

function stage(source: string): Stage {
  const cell = new Cell(source);
  const saved: string[] = [];
  const copies: string[] = [];
  const document = {
    isDisposed: false,
    saved,
    copies,
    save: () => {
      saved.push(cell.source);
      return Promise.resolve();
    },
    saveAs: () => {
      copies.push(cell.source);
      return Promise.resolve(true);
    }
  };
  const ask = jest.fn<Promise<Answer>, [readonly Find[]]>();
  const unchecked = jest.fn();
  const scanned = jest.fn(scan);
  const around = { collect: () => collectTexts(modelOf([cell])), scan: scanned, ask, unchecked };
  const leave = new Gate(document, around).stand();
  return { document, cell, ask, unchecked, scan: scanned, leave };
}

describe('the gate before a save', () => {
  test('a refused save is an error by the name that Lab takes for a no', async () => {
    const { document, ask } = stage('work, key-1');
    ask.mockResolvedValue('refuse');
    await expect(document.save()).rejects.toMatchObject({ name: 'ModalCancelError' });
    await expect(document.saveAs()).rejects.toBeInstanceOf(NotSaved);
    expect([document.saved, document.copies]).toEqual([[], []]);
  });

  test('a dialog that is closed without an answer is a no', async () => {
    const { document, ask } = stage('key-1');
    ask.mockRejectedValue(undefined);
    await expect(document.save()).rejects.toBeInstanceOf(NotSaved);
  });

  test.each(['refuse', 'keep'] as const)(
    'who saves while the person is asked gets the same answer: %s',
    async answer => {
      const { document, ask } = stage('key-1');
      let decide: (answer: Answer) => void = () => undefined;
      ask.mockReturnValue(new Promise(resolve => (decide = resolve)));
      const saves = [document.save(), document.save()];
      const settled = jest.fn();
      saves.forEach(save => void save.then(settled, settled));
      await new Promise(resolve => setTimeout(resolve));
      expect(settled).not.toHaveBeenCalled();
      decide(answer);
      const outcomes = (await Promise.allSettled(saves)).map(({ status }) => status);
      const outcome = answer === 'refuse' ? 'rejected' : 'fulfilled';
      expect(outcomes).toEqual([outcome, outcome]);
      expect(ask).toHaveBeenCalledTimes(1);
      expect(document.saved).toHaveLength(answer === 'refuse' ? 0 : 1);
    }
  );

  test('a save that begins while another is written is written too', async () => {
    const { document, cell } = stage('one');
    const first = document.save();
    await first;
    cell.source = 'two';
    await document.save();
    expect(document.saved).toEqual(['one', 'two']);
  });

  test('what was allowed is known by its value, not by its place', async () => {
    const { document, cell, ask } = stage('key-1');
    ask.mockResolvedValue('keep');
    await document.save();
    cell.source = 'the same: key-1';
    await document.save();
    expect(ask).toHaveBeenCalledTimes(1);
    cell.source = 'another: key-2';
    await document.save();
    expect(ask).toHaveBeenCalledTimes(2);
  });

  test('what came while the person was asked is asked about too', async () => {
    const { document, cell, ask } = stage('key-1');
    ask.mockImplementationOnce(() => {
      cell.source = 'key-1 and key-2';
      return Promise.resolve('keep');
    });
    ask.mockResolvedValueOnce('clear');
    await document.save();
    expect(document.saved).toEqual(['key-1 and [removed: OpenAI key]']);
  });

  test('what was typed while the person was asked is not lost by clearing', async () => {
    const { document, cell, ask } = stage('key-1');
    ask.mockImplementationOnce(() => {
      cell.source = 'key-1 typed since';
      return Promise.resolve('clear');
    });
    ask.mockResolvedValueOnce('clear');
    await document.save();
    expect(document.saved).toEqual(['[removed: OpenAI key] typed since']);
  });

  test('without an answer it saves and says so, once until there is an answer again', async () => {
    const { document, unchecked, scan: scanned } = stage('key-1');
    scanned.mockRejectedValueOnce(new Error('400')).mockRejectedValueOnce(new Error('400'));
    await document.save();
    await document.save();
    expect(document.saved).toHaveLength(2);
    expect(unchecked).toHaveBeenCalledTimes(1);
  });

  test('a document that was closed meanwhile is not saved', async () => {
    const { document, ask } = stage('key-1');
    ask.mockImplementation(() => {
      Object.assign(document, { isDisposed: true });
      return Promise.resolve('keep');
    });
    await expect(document.save()).rejects.toBeInstanceOf(NotSaved);
    expect(document.saved).toEqual([]);
  });

  test('it leaves the document as it was', async () => {
    const { document, ask, leave } = stage('key-1');
    leave();
    await document.save();
    expect(ask).not.toHaveBeenCalled();
    expect(document.saved).toEqual(['key-1']);
  });
});

describe('what is looked at', () => {
  test('a text of any length is looked at whole, in requests that the server reads', async () => {
    const long = `🔑${'x '.repeat(1_300_000)} key-at-the-end`;
    const cut = `${'🔑'.repeat(499_996)} key-onTheCut ${'y '.repeat(400_000)}`;
    const sizes: number[] = [];
    const hits = await scanTexts(['key-0', long, cut], texts => {
      sizes.push(new TextEncoder().encode(JSON.stringify(texts)).length);
      return scan(texts);
    });
    const found = hits.map(({ index, start, end }) =>
      [...(['key-0', long, cut][index] ?? '')].slice(start, end).join('')
    );
    expect(found).toEqual(['key-0', 'key-at', 'key-onTheCut']);
    expect(Math.max(...sizes)).toBeLessThan(8 * 1024 * 1024);
  });

  test('a drawing is text, and a picture is none', () => {
    const data = { 'image/svg+xml': '<svg>key-1</svg>', 'image/png': 'key-2' };
    const outputs = { length: 1, toJSON: () => [{ data }] };
    const cell = Object.assign(new Cell(''), { type: 'code', outputs });
    const texts = collectTexts(modelOf([cell])).map(({ text }) => text);
    expect(texts).toHaveLength(1);
    expect(texts[0]).toContain('key-1');
    expect(texts[0]).not.toContain('key-2');
  });

  test('clearing changes the hits alone', () => {
    const cell = new Cell('🔑 key-1, b, key-2.');
    const [part] = collectTexts(modelOf([cell])) as [Part];
    const hits = [
      { index: 0, label: 'A', start: 2, end: 7 },
      { index: 0, label: 'B', start: 12, end: 17 }
    ];
    clearHits([part], hits);
    expect(cell.source).toBe('🔑 [removed: A], b, [removed: B].');
  });
});
