import type { NotebookPanel } from '@jupyterlab/notebook';
import type { ServerEvent } from '../src/api/events';
import { applyToOrigin, originOf, setOrigin } from '../src/cells/host';
import { runsPython } from '../src/cells/language';
import { runOnCell } from '../src/cells/running';
import { replaceSource } from '../src/text/replace';

interface Spec {
  language?: string;
}

/** A notebook of one cell, as far as a run looks at it. */
function notebook(
  source: string,
  type: string,
  { spec, saved = {} }: { spec?: Promise<Spec | undefined>; saved?: Record<string, object> } = {}
): { panel: NotebookPanel; sources: string[]; outputs: object[] } {
  const sources = [source];
  const outputs: object[] = [];
  const list = {
    clear: () => outputs.splice(0),
    add: (output: object) => outputs.push(output),
    set: (index: number, output: object) => outputs.splice(index, 1, output),
    get length() {
      return outputs.length;
    }
  };
  const sharedModel = { getSource: () => source };
  const cell = { model: { sharedModel, type, outputs: list } };
  const widgets: object[] = [cell];
  const insertCell = (index: number, made: { source: string }): void => {
    sources.splice(index, 0, made.source);
    widgets.splice(index, 0, { model: { outputs: list } });
  };
  const model = { getMetadata: (key: string) => saved[key], sharedModel: { insertCell } };
  const session = spec ? { kernel: { spec } } : null;
  const panel = {
    content: { activeCell: cell, widgets, model },
    sessionContext: { session }
  } as unknown as NotebookPanel;
  return { panel, sources, outputs };
}

const spec = (language?: string) =>
  Promise.resolve(language === undefined ? undefined : { language });

describe('the language of a notebook', () => {
  const python = { kernelspec: { language: 'python' }, language_info: { name: 'python' } };
  test.each([
    ['a kernel of Python', { spec: spec('python') }, true],
    ['another kernel, whatever the file says', { spec: spec('bash'), saved: python }, false],
    ['a kernel whose language is not known', { spec: spec() }, false],
    ['a kernel whose language cannot be had', { spec: Promise.reject<Spec>(new Error()) }, false],
    ['no kernel, and a file of Python', { saved: python }, true],
    ['no kernel, and a file of R', { saved: { language_info: { name: 'R' } } }, false],
    [
      'no kernel, and a file of two minds',
      { saved: { ...python, language_info: { name: 'R' } } },
      false
    ],
    [
      'no kernel, and a file that says nothing',
      { saved: { kernelspec: { name: 'python3' } } },
      false
    ]
  ])('%s', async (_, known, isPython) => {
    expect(await runsPython(notebook('', 'markdown', known).panel)).toBe(isPython);
  });
});

describe('a run', () => {
  const preview = { name: 'preview', data: { schema: 'assay.critique.v1' } };
  const bundle = { name: 'bundle', data: { data: { 'text/plain': 'done' }, metadata: {} } };

  function around(events: ServerEvent[]) {
    // eslint-disable-next-line @typescript-eslint/require-await
    const run = jest.fn(async function* () {
      yield* events;
    });
    const shown: object[] = [];
    const fail = jest.fn();
    const beside = jest.fn(() => ({ show: (one: object) => void shown.push(one), fail }));
    const told = { asking: jest.fn(), waiting: jest.fn() };
    return { api: { run }, signal: new AbortController().signal, ...told, beside, shown, fail };
  }

  test('a code cell’s line goes along as it is', async () => {
    const outside = around([bundle]);
    const { panel, outputs } = notebook('%%critique -w other -o r\nBe nice.', 'code');
    await runOnCell(panel, 'improve', outside);
    expect(outside.api.run).toHaveBeenCalledWith(
      { instrument: 'improve', prompt: 'Be nice.\n', line: '%%critique -w other -o r\n' },
      outside.signal
    );
    expect(outputs).toHaveLength(1);
  });

  test('in Python a cell follows a markdown cell', async () => {
    const outside = around([bundle]);
    const { panel, sources } = notebook('Be nice.', 'markdown', { spec: spec('python') });
    await runOnCell(panel, 'critique', outside);
    expect(sources).toEqual(['Be nice.', '%%critique\nBe nice.']);
    expect(outside.api.run).toHaveBeenCalledWith(
      { instrument: 'critique', prompt: 'Be nice.\n', line: null },
      outside.signal
    );
  });

  test.each(['markdown', 'raw'])('elsewhere nothing follows a %s cell', async type => {
    const outside = around([preview, bundle]);
    const { panel, sources, outputs } = notebook('echo x > y', type, { spec: spec('bash') });
    await runOnCell(panel, 'critique', outside);
    expect(sources).toEqual(['echo x > y']);
    expect(outputs).toEqual([]);
    expect(outside.shown).toEqual([
      { data: { 'application/vnd.assay.critique.v1+json': preview.data }, metadata: {} },
      bundle.data
    ]);
  });

  test('an error at the side is told there', async () => {
    const error = { message: 'No.', hint: 'Wait.', code: 'x' };
    const outside = around([{ name: 'error', data: error }]);
    const { panel } = notebook('Be nice.', 'markdown', { spec: spec('bash') });
    await expect(runOnCell(panel, 'critique', outside)).rejects.toMatchObject({ code: 'x' });
    expect(outside.fail).toHaveBeenCalledWith('No. Wait.');
  });

  test('a wait within it is told', async () => {
    const outside = around([{ name: 'waiting', data: { seconds: 12.5, attempt: 2 } }, bundle]);
    await runOnCell(notebook('%%critique\nBe nice.', 'code').panel, 'critique', outside);
    expect(outside.waiting).toHaveBeenCalledWith(12.5);
  });

  test('a cell that is deleted meanwhile takes no result and breaks nothing', async () => {
    const outside = around([preview, bundle]);
    const { panel, outputs } = notebook('%%critique\nBe nice.', 'code');
    const cell = panel.content.activeCell;
    outside.api.run.mockImplementation(async function* () {
      Object.assign(cell ?? {}, { model: null });
      yield* [preview, bundle];
      await Promise.resolve();
    });
    await runOnCell(panel, 'critique', outside);
    expect(outputs).toEqual([]);
  });
});

describe('a result beside its notebook', () => {
  function cellOf(source: string): { cell: never; text: () => string } {
    let text = source;
    const sharedModel = {
      getSource: () => text,
      updateSource: (start: number, end: number, value = '') => {
        text = text.slice(0, start) + value + text.slice(end);
      }
    };
    const cell = { isDisposed: false, model: { type: 'markdown', sharedModel } } as never;
    return { cell, text: () => text };
  }

  test('it is applied to the cell that it is about', () => {
    const { cell, text } = cellOf('Be nice.');
    const outer = document.createElement('div');
    const inner = outer.appendChild(document.createElement('p'));
    setOrigin(outer, cell);
    const found = originOf(inner);
    expect(found && applyToOrigin(found, 'Be nice.\n', 'Be kind.\n')).toBe(true);
    expect(text()).toBe('Be kind.');
    expect(originOf(document.body)).toBeNull();
  });

  test('a cell that holds another prompt now is left alone', () => {
    const { cell, text } = cellOf('Be brief.');
    expect(applyToOrigin(cell, 'Be nice.', 'Be kind.')).toBe(false);
    expect(text()).toBe('Be brief.');
  });
});

describe('replacing a shared text', () => {
  test.each([
    ['abc', 'abc'],
    ['Be nice.', 'Be kind.'],
    ['a🔑b', 'a🔒b'],
    ['🔑', '🔑🔑'],
    ['', 'x'],
    ['x', ''],
    ['aaa', 'aa']
  ])('%j becomes %j without a character being cut', (before, after) => {
    let text = before;
    const updateSource = jest.fn((start: number, end: number, value: string) => {
      encodeURIComponent(value); // throws at half a pair
      text = text.slice(0, start) + value + text.slice(end);
    });
    replaceSource({ getSource: () => text, updateSource }, after);
    expect(text).toBe(after);
    expect(updateSource).toHaveBeenCalledTimes(before === after ? 0 : 1);
  });
});
