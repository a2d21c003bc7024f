import { EditorView, highlightSpecialChars } from '@codemirror/view';
import { Signal } from '@lumino/signaling';
import type { Marks } from '../src/api/facts';
import { placeMarks, promptMarks, type Marking } from '../src/editor/marks';

const PROMPT = 'x'.repeat(300);

type Finding = Marks['findings'][number];

function found(start: number, level = 'warning', rule = 'A007'): Finding {
  return { rule, level, message: 'Too long.', start, end: start + 1 };
}

function many(count: number, level = 'warning'): Finding[] {
  return Array.from({ length: count }, (_, index) => found(index, level));
}

function titles(findings: Finding[], hints = false): string[] {
  return placeMarks({ findings, variables: [] }, '', PROMPT, hints).map(({ title }) => title);
}

describe('which findings are underlined', () => {
  test('errors and warnings are, hints only where they are wanted', () => {
    const findings = [found(0, 'error'), found(1), found(2, 'hint')];
    const kinds = (hints: boolean): string[] =>
      placeMarks({ findings, variables: [] }, '', PROMPT, hints).map(({ kind }) => kind);

    expect(kinds(false)).toEqual(['error', 'warning']);
    expect(kinds(true)).toEqual(['error', 'warning', 'hint']);
  });

  test('twenty of a rule are, and none says that there are more', () => {
    expect(titles(many(20))).toEqual(Array(20).fill('A007: Too long.'));
  });

  test('of more the first twenty are, and the first says how many more there are', () => {
    const [first, ...others] = titles(many(212));

    expect(first).toBe('A007: Too long. (192 more of A007 in this cell)');
    expect(others).toEqual(Array(19).fill('A007: Too long.'));
  });

  test('hints that are not underlined are not counted', () => {
    const [first] = titles([found(0), ...many(100, 'hint')]);

    expect(first).toBe('A007: Too long.');
  });

  test('rules are counted each for itself, and errors of a rule apart from its warnings', () => {
    const findings = [...many(30), found(40, 'warning', 'A010'), found(41, 'error')];

    expect(titles(findings)).toHaveLength(22);
  });

  test('what is about no words in particular is neither underlined nor counted', () => {
    const nowhere = { ...found(0), end: 0 };

    expect(titles(Array<Finding>(30).fill(nowhere))).toEqual([]);
    expect(titles([...Array<Finding>(30).fill(nowhere), found(5)])).toEqual(['A007: Too long.']);
  });
});

describe('an open cell', () => {
  const changed = new Signal<object, void>({});
  const lint = jest.fn(() =>
    Promise.resolve({ findings: [found(0, 'error'), found(3, 'hint')], variables: [] })
  );
  let marking: Marking;
  let view: EditorView;

  const underlined = (): (string | null)[] =>
    [...view.dom.querySelectorAll('.assay-in-cell')].map(node => node.getAttribute('class'));

  async function choose(wanted: Marking): Promise<void> {
    marking = wanted;
    changed.emit();
    await jest.advanceTimersByTimeAsync(1000);
  }

  beforeEach(async () => {
    jest.useFakeTimers();
    marking = { on: true, hints: false };
    view = new EditorView({
      doc: '%%lint\n\u200babcdef',
      extensions: [highlightSpecialChars(), promptMarks(lint, () => marking, changed)],
      parent: document.body
    });
    await jest.advanceTimersByTimeAsync(1000);
  });

  afterEach(() => {
    view.destroy();
    jest.useRealTimers();
  });

  test('is marked without its hints', () => {
    expect(underlined()).toEqual(['assay-in-cell assay-error']);
  });

  test('has the dot underlined that stands for a hidden character', () => {
    const dot = view.dom.querySelector('.cm-specialChar');

    expect(dot?.closest('.assay-in-cell')?.getAttribute('title')).toBe('A007: Too long.');
  });

  test('is marked anew as soon as hints are switched on or off', async () => {
    await choose({ on: true, hints: true });
    expect(underlined()).toEqual(['assay-in-cell assay-error', 'assay-in-cell assay-hint']);
    await choose({ on: true, hints: false });
    expect(underlined()).toEqual(['assay-in-cell assay-error']);
  });

  test('loses its marks as soon as they are switched off', async () => {
    await choose({ on: false, hints: true });
    expect(underlined()).toEqual([]);
  });

  test('asks no more once it is closed', async () => {
    view.destroy();
    lint.mockClear();
    await choose({ on: true, hints: true });
    expect(lint).not.toHaveBeenCalled();
  });
});
